//! `backend::fuzz::repository_url`, with whatever the fuzzer invents.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| backend::fuzz::repository_url(bytes));
