//! Both clocks, read together.
