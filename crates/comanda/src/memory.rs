//! One setting of the allocator.

/// Keeps freed memory for a minute before it goes back to the system. Orders come and go by the
/// ten thousand: a batch of 300,000 had 16,000 to 46,000 page faults, and has 3,000 with this.
pub(crate) fn keep_freed_memory() {
    /// `mi_option_purge_delay` of mimalloc 3, which the bindings do not name.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
    const PURGE_DELAY_MS: std::ffi::c_long = 60_000;
    // SAFETY: sets one number in the allocator's table of options, before any thread is started.
    #[allow(unsafe_code)]
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, PURGE_DELAY_MS);
    }
}
