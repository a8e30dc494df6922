//! A model call on its way: what it can cost at most is held until what it did cost is stored.

use tokio::sync::oneshot;
use uuid::Uuid;

use super::{LOOK, Money};
use crate::store::{Error, Held};

/// A call on its way, until this is dropped.
pub(super) struct OnItsWay {
    money: Money,
    reserve: f64,
    /// Its row among the calls of the batch.
    call: Option<Uuid>,
}

impl OnItsWay {
    pub(super) const fn new(money: Money, reserve: f64) -> Self {
        Self { money, reserve, call: None }
    }

    /// Holds what the call can cost at most in the batch too. `None` when others came first. It is done to its end even
    /// if nobody waits for it: a row of which nobody knows would be held for good.
    ///
    /// # Errors
    /// Why the call can never leave.
    pub(super) async fn hold(self, most: Option<f64>) -> Result<Option<Self>, String> {
        let tasks = self.money.tasks.clone();
        let (done, held) = oneshot::channel();
        tasks.spawn("hold", |leave| async move {
            let result = tokio::select! {
                result = self.held(most) => result,
                () = leave.cancelled() => Err("the server stops".to_owned()),
            };
            // Nobody waits when the agent has hung up; the row goes with the permit.
            let _ = done.send(result);
        });
        held.await.unwrap_or_else(|_| Err("the server stops".to_owned()))
    }

    async fn held(mut self, most: Option<f64>) -> Result<Option<Self>, String> {
        let Some(batch) = self.money.batch else { return Ok(Some(self)) };
        let call = Uuid::now_v7();
        self.call = Some(call);
        let (store, run) = (self.money.store.clone(), (self.money.run, self.money.fence));
        loop {
            match store.batch_hold(batch, run, call, most).await {
                Ok(Held::Yes) => return Ok(Some(self)),
                Ok(Held::No) => {
                    self.call = None;
                    return Ok(None);
                }
                Ok(Held::Fenced) => {
                    self.call = None;
                    return Err("another backend drives this run now".to_owned());
                }
                Err(error) => {
                    tracing::warn!(run.id = %run.0, %error, "a model call waits: it cannot be held in its batch");
                    tokio::time::sleep(LOOK).await;
                }
            }
        }
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        let Self { money, reserve, call } = self;
        money.spending.send_modify(|spending| {
            spending.budget.calls -= 1;
            // A sum of differences may miss 0 by a hair.
            spending.budget.held = (spending.budget.held - *reserve).max(0.0);
        });
        if let (Some(call), Some(batch)) = (*call, money.batch) {
            let money = money.clone();
            money.tasks.clone().spawn("release", move |leave| async move {
                loop {
                    let dearest = money.spending.borrow().budget.dearest;
                    let released = match money.save().await {
                        Ok(()) | Err(Error::Fenced | Error::Missing(_)) => {
                            money.store.batch_release(batch, call, dearest).await
                        }
                        Err(error) => Err(error),
                    };
                    let Err(error) = released else { return };
                    tracing::warn!(run.id = %money.run, %error, "what a call may cost stays held for now");
                    tokio::select! {
                        () = tokio::time::sleep(LOOK) => {}
                        () = leave.cancelled() => return,
                    }
                }
            });
        }
    }
}
