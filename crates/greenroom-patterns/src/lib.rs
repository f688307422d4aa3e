//! Go's concurrency patterns, as scoped tasks and supervised actors that communicate only by messages.
