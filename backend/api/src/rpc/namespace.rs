//! `namespace!`: a namespace's methods, written once.

/// Makes the RPC trait of a namespace and, on the server, its description.
///
/// The first two attributes are `jsonrpsee`'s, with and without the server half; they are passed
/// through whole because what `rpc` makes must see the names written in the invocation.
/// The doc comments are taken apart so that they are also the summaries in the OpenRPC document.
/// Every implementation is handed what is known of the caller.
/// A parameter is written `name as "wireName": Type`; an `Option` may be left out by the caller.
macro_rules! namespace {
    (
        $pound_server:tt $server:tt
        $pound_client:tt $client:tt
        $(#[$doc:meta])*
        $trait:ident = $namespace:literal
        methods { $(
            $(#[doc = $method_doc:literal])*
            $method:literal fn $fn:ident(&$self:ident $(, $arg:ident as $wire:literal: $ty:ty)* $(,)?) -> $out:ty;
        )* }
        subscriptions { $(
            $(#[doc = $sub_doc:literal])*
            $sub:literal / $unsub:literal fn $sub_fn:ident(&$sub_self:ident $(, $sub_arg:ident as $sub_wire:literal: $sub_ty:ty)* $(,)?) -> $item:ty;
        )* }
    ) => {
        $(#[$doc])*
        $pound_server $server
        $pound_client $client
        pub trait $trait {
            $(
                $(#[doc = $method_doc])*
                #[method(name = $method, param_kind = map, with_extensions)]
                async fn $fn(&$self $(, #[argument(rename = $wire)] $arg: $ty)*) -> Result<$out, crate::error::ApiError>;
            )*
            $(
                $(#[doc = $sub_doc])*
                #[subscription(name = $sub, unsubscribe = $unsub, item = $item, param_kind = map, with_extensions)]
                async fn $sub_fn(&$sub_self $(, #[argument(rename = $sub_wire)] $sub_arg: $sub_ty)*) -> jsonrpsee::core::SubscriptionResult;
            )*
        }

        /// This namespace, for the OpenRPC document and the check of parameters.
        #[cfg(feature = "server")]
        pub(crate) fn methods() -> Vec<crate::rpc::describe::Method> {
            vec![
                $({
                    #[derive(serde::Deserialize, schemars::JsonSchema)]
                    #[serde(deny_unknown_fields)]
                    #[allow(dead_code, reason = "read for its shape only")]
                    struct Params { $(#[serde(rename = $wire)] $arg: $ty),* }
                    crate::rpc::describe::Method::of::<Params, $out>(
                        concat!($namespace, ".", $method), &[$($method_doc),*], &[$($wire),*], None,
                    )
                },)*
                $({
                    #[derive(serde::Deserialize, schemars::JsonSchema)]
                    #[serde(deny_unknown_fields)]
                    #[allow(dead_code, reason = "read for its shape only")]
                    struct Params { $(#[serde(rename = $sub_wire)] $sub_arg: $sub_ty),* }
                    crate::rpc::describe::Method::of::<Params, $item>(
                        concat!($namespace, ".", $sub), &[$($sub_doc),*], &[$($sub_wire),*],
                        Some(concat!($namespace, ".", $unsub)),
                    )
                },)*
            ]
        }
    };
}
