//! `executor::fuzz::agent_lines`, with whatever the fuzzer invents.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| executor::fuzz::agent_lines(bytes));
