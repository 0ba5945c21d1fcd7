//! Tests of the parts; whole journals are verified in tests/.
