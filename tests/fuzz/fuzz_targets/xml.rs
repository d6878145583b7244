#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| uc_core::codec::xml::fuzz(data));
