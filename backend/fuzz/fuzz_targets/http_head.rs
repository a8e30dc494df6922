//! `firewall::fuzz::http_head`, with whatever the fuzzer invents.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| firewall::fuzz::http_head(bytes));
