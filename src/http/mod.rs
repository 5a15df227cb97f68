//! HTTP over pooled clients.
