//! `firewall::fuzz::client_hello`, with whatever the fuzzer invents.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| firewall::fuzz::client_hello(bytes));
