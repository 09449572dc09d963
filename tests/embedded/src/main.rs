//! Searches an index in flash, in place, on a Cortex-M4 with 128 KiB of memory. The answers go to the debugger,
//! or to the emulator in its role, and are compared with the host's.

#![no_std]
#![no_main]

mod heap;

use core::fmt::Write;
use core::panic::PanicInfo;
use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hio};

#[repr(C, align(64))]
struct Aligned<T: ?Sized>(T);

static INDEX: &Aligned<[u8]> = &Aligned(*include_bytes!(env!("HITHER_INDEX")));

#[entry]
fn main() -> ! {
    let Ok(mut out) = hio::hstdout() else { exit(debug::EXIT_FAILURE) };
    let searched = hither_platform::device::search(&INDEX.0, &mut out);
    // The comparison notices answers that could not be written.
    let status = match searched {
        Ok(()) => {
            let _ = writeln!(out, "heap {}", heap::HEAP.most());
            debug::EXIT_SUCCESS
        }
        Err(error) => {
            let _ = writeln!(out, "error: {error}");
            debug::EXIT_FAILURE
        }
    };
    exit(status)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    if let Ok(mut out) = hio::hstdout() {
        let _ = writeln!(out, "{info}");
    }
    exit(debug::EXIT_FAILURE)
}

/// Ends the emulator; on a device, where there is nothing to return to, it stays here.
fn exit(status: debug::ExitStatus) -> ! {
    debug::exit(status);
    loop {
        core::hint::spin_loop();
    }
}
