//! `firewall::fuzz::host_rules`, with whatever the fuzzer invents.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| firewall::fuzz::host_rules(bytes));
