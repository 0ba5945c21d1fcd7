//! Links the core into a library without the standard library. If the core or anything that it
//! depends on used `std`, there would be two panic handlers and this would not build.
#![no_std]

use core::alloc::{GlobalAlloc, Layout};

use pi_server_core::{Input, Outputs, State};

/// Has no memory to give: the check is that this links, not that it runs.
struct NoMemory;

// SAFETY: an allocator may always answer that there is no memory; nothing is ever given out, so
// nothing can be given back.
unsafe impl GlobalAlloc for NoMemory {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static MEMORY: NoMemory = NoMemory;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Uses the core, so that it is linked.
pub fn step(state: &mut State, input: &Input, outputs: &mut Outputs) {
    state.step(input, outputs);
}
