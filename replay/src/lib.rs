//! The offline tool: feeds a journal to the same `State` and compares every output.
