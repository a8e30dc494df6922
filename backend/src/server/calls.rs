//! Around every RPC call: its caller's limits, the check of its parameters, one shape for all errors, a line in the
//! log, and an entry in the audit log.

mod record;

use std::{borrow::Cow, future::Future, time::Instant};

use api::{error::ApiError, rpc};
use axum::http::Extensions;
use jsonrpsee::{
    MethodCallback, Methods, RpcModule,
    core::{
        RegisterMethodError,
        middleware::{Batch, BatchEntry, Notification, Request, RpcServiceT},
        server::BatchResponseBuilder,
    },
    server::middleware::rpc::MethodResponse,
    types::error::{
        INTERNAL_ERROR_CODE, INVALID_PARAMS_CODE, OVERSIZED_RESPONSE_CODE, TOO_MANY_SUBSCRIPTIONS_CODE,
    },
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    answers::{self, Answers},
    jsonrpc::{LARGEST_ANSWER, Limits},
    rates::{Rates, Who, Working},
};
use crate::{
    app::verbs,
    audit::{self, Audit},
    caller::Caller,
    metrics,
    room::Place,
};

/// Registers `rpc.discover`: the OpenRPC document of every method.
///
/// # Errors
/// When the method is registered already.
pub fn discover<Context: Send + Sync + 'static>(
    module: &mut RpcModule<Context>,
) -> Result<(), RegisterMethodError> {
    let document = rpc::openrpc(env!("CARGO_PKG_VERSION"));
    module.register_method("rpc.discover", move |_, _, _| document.clone())?;
    Ok(())
}

/// The layer around jsonrpsee's own service.
#[derive(Clone)]
pub(super) struct Calls<S> {
    inner: S,
    methods: Methods,
    around: Around,
}

/// What all calls have in common.
#[derive(Clone)]
pub(super) struct Around {
    /// What one message and one connection may have.
    pub(super) limits: Limits,
    /// What one caller may have.
    pub(super) rates: Rates,
    /// Where calls that change something are noted.
    pub(super) audit: Audit,
    /// What all answers on their way may take of the memory.
    pub(super) answers: Answers,
}

impl<S> Calls<S> {
    pub(super) const fn new(inner: S, methods: Methods, around: Around) -> Self {
        Self { inner, methods, around }
    }

    /// Takes the call from what its caller has left. Nobody comes here unknown, but in tests of the server alone.
    fn begin(&self, who: &Extensions) -> Result<Option<Working>, ApiError> {
        who.get::<Caller>().map(|known| self.around.rates.begin(Who::Known(known.shown()))).transpose()
    }

    /// Notes a call that was meant to change something and was refused before it reached its verb, which notes the
    /// others.
    async fn note(&self, method: &str, target: Option<String>, who: &Extensions, why: &ApiError) {
        if verbs::is_change(method) && self.methods.method(method).is_some() {
            self.around.audit.record(audit::entry(who.get(), method, target, Err(why))).await;
        }
    }

    /// An error of jsonrpsee's own in the shape of ours. Its codes for limits mean other things here.
    fn shape(&self, method: &str, response: &MethodResponse) -> Option<ApiError> {
        let code = response.as_error_code()?;
        let Answer { error } = serde_json::from_str(response.as_ref()).ok()?;
        if error.data.as_ref().is_some_and(|data| ApiError::deserialize(data).is_ok()) {
            return None;
        }
        let limit =
            |limit: &str, value: u32| ApiError::Limit { limit: limit.to_owned(), value: value.into() };
        let ours = match code {
            INVALID_PARAMS_CODE => ApiError::invalid("params", error.explanation()),
            // Over plain HTTP jsonrpsee calls every subscription an internal error.
            INTERNAL_ERROR_CODE if self.is_subscription(method) => {
                ApiError::invalid("method", format!("{method} is a subscription; call it over a WebSocket"))
            }
            INTERNAL_ERROR_CODE => internal(method, &error.explanation()),
            TOO_MANY_SUBSCRIPTIONS_CODE => {
                limit("CAISSON_MAX_SUBSCRIPTIONS", self.around.limits.subscriptions)
            }
            OVERSIZED_RESPONSE_CODE => limit("the largest answer, in bytes", LARGEST_ANSWER),
            _ => return None,
        };
        Some(ours)
    }

    fn is_subscription(&self, method: &str) -> bool {
        use MethodCallback::{Subscription, Unsubscription};
        matches!(self.methods.method(method), Some(Subscription(_) | Unsubscription(_)))
    }
}

/// jsonrpsee's own service.
pub(super) trait Inner:
    RpcServiceT<
        MethodResponse = MethodResponse,
        BatchResponse = MethodResponse,
        NotificationResponse = MethodResponse,
    > + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> Inner for S where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            BatchResponse = MethodResponse,
            NotificationResponse = MethodResponse,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

impl<S: Inner> Calls<S> {
    /// Answers a call. One that is no part of a batch waits for a place of its own, which comes with its answer.
    async fn answer(
        &self,
        mut request: Request<'_>,
        answers: Option<&Answers>,
    ) -> (MethodResponse, Option<Place>) {
        // jsonrpsee takes no parameters at all for an empty list of them, and then misses the optional ones.
        if request.params.as_deref().is_none_or(|params| matches!(params.get().trim(), "[]" | "null")) {
            request.params = RawValue::from_string("{}".to_owned()).ok().map(Cow::Owned);
        }
        let started = Instant::now();
        let (method, id) = (request.method.clone(), request.id.clone());
        let params = request.params.as_deref().map(|params| params.get());
        let (who, target) = (request.extensions().clone(), record::target(&method, params));
        let checked = self.begin(&who).and_then(|working| {
            rpc::check_params(&method, params).map_err(|error| without_value(&method, error))?;
            Ok(working)
        });
        let (response, place, refused) = match checked {
            Ok(_working) => {
                let place = match answers {
                    Some(answers) => answers.place(&method).await,
                    None => None,
                };
                let response = self.inner.call(request).await;
                let refused = self.shape(&method, &response);
                (response, place, refused)
            }
            Err(error) => (MethodResponse::error(request.id, error.clone()), None, Some(error)),
        };
        let response = match refused {
            Some(why) => {
                self.note(&method, target, &who, &why).await;
                MethodResponse::error(id, why)
            }
            None => response,
        };
        let took = started.elapsed();
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let code = response.as_error_code().unwrap_or(0);
        let known = self.methods.method(&method).is_some();
        metrics::called(known.then_some(&*method), code, took);
        tracing::debug!(rpc.method = %method, rpc.code = code, duration_ms, "answered {method}");
        (response, place)
    }
}

impl<S: Inner> RpcServiceT for Calls<S> {
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let this = self.clone();
        async move {
            let who = request.extensions().clone();
            let (response, place) = this.answer(request, Some(&this.around.answers)).await;
            answers::leave(&who, response.as_ref().len(), place);
            response
        }
    }

    /// Each call of a batch takes the way above; jsonrpsee's own service would go around it.
    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let this = self.clone();
        async move {
            let mut gathered = BatchResponseBuilder::new_with_limit(this.around.limits.body as usize);
            let (mut notified, mut who) = (false, Extensions::new());
            let methods = batch.iter().filter_map(|entry| match entry {
                Ok(BatchEntry::Call(request)) => Some(&*request.method),
                _ => None,
            });
            let place = this.around.answers.place_of_batch(methods).await;
            for entry in batch {
                let response = match entry {
                    Ok(BatchEntry::Call(request)) => {
                        who = request.extensions().clone();
                        this.answer(request, None).await.0
                    }
                    Ok(BatchEntry::Notification(notification)) => {
                        this.notification(notification).await;
                        notified = true;
                        continue;
                    }
                    Err(malformed) => {
                        let (error, id) = malformed.into_parts();
                        MethodResponse::error(id, error)
                    }
                };
                if let Err(too_large) = gathered.append(response) {
                    return too_large;
                }
            }
            if gathered.is_empty() && notified {
                return MethodResponse::notification();
            }
            let response = MethodResponse::from_batch(gathered.finish());
            answers::leave(&who, response.as_ref().len(), place);
            response
        }
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = MethodResponse> + Send + 'a {
        let this = self.clone();
        async move {
            // Nobody can be told that there were too many.
            match this.begin(notification.extensions()) {
                Ok(_working) => this.inner.notification(notification).await,
                Err(_) => MethodResponse::notification(),
            }
        }
    }
}

/// As much of an error's answer as is needed to tell whose it is.
#[derive(Deserialize)]
struct Answer {
    error: Failure,
}

#[derive(Deserialize)]
struct Failure {
    message: String,
    data: Option<serde_json::Value>,
}

impl Failure {
    fn explanation(&self) -> String {
        match self.data.as_ref().and_then(|data| data.as_str()) {
            Some(data) => format!("{}: {data}", self.message),
            None => self.message.clone(),
        }
    }
}

/// What is said of a wrong parameter may repeat it; of a secret's value nothing is.
fn without_value(method: &str, error: ApiError) -> ApiError {
    match error {
        ApiError::Invalid { field, why } if method == "secrets.set" && why.starts_with("invalid") => {
            ApiError::invalid(field, "`name` and `value` must be strings")
        }
        error => error,
    }
}

fn internal(method: &str, explanation: &str) -> ApiError {
    let reference = uuid::Uuid::now_v7().to_string();
    tracing::error!(rpc.method = method, reference, "{method} failed: {explanation}");
    ApiError::Internal { reference }
}
