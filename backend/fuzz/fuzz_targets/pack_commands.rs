//! `backend::fuzz::pack_commands`, with whatever the fuzzer invents.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| backend::fuzz::pack_commands(bytes));
