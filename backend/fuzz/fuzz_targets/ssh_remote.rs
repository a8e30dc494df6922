//! `backend::fuzz::ssh_remote`, with whatever the fuzzer invents.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| backend::fuzz::ssh_remote(bytes));
