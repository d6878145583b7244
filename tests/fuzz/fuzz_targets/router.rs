#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| uc_core::codec::cti::fuzz_router(data));
