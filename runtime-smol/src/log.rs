//! Notes as lines.
