//! The two clocks, deadlines, and a clock that tests drive.
