//! Snapshots rendered for people and programs.
