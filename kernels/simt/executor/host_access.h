// Host code that touches the device's memory: on a GPU it would read rubbish or end the program, and here it
// ends the program.
#pragma once

namespace vitrine::simt {

/// From now on an access to the device's memory while it is closed (DeviceMemory::Open) is told in one
/// sentence, with address, buffer and offset. Then the signal goes where it, and faults elsewhere, would have
/// gone otherwise: it ends the program. To be called whenever the memory is closed, since others, such as a
/// test's frame, may have taken the signal meanwhile; one caller at a time.
void watch_host_accesses();

}  // namespace vitrine::simt
