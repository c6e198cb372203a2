#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lotty_fuzz::support::fuzz::optimizely_import(data));
