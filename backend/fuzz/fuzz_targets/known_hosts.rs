//! `backend::fuzz::known_hosts`, with whatever the fuzzer invents.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| backend::fuzz::known_hosts(bytes));
