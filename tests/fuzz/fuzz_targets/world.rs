#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| uc_runtime_sim::run::fuzz_world(data));
