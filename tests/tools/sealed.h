// A checkpoint that a test has changed, under a checksum that fits.
#pragma once

#include "engine/safetensors.h"

namespace vitrine::tests {

/// Puts the checksum right, as tools/train/checkpoint_store.h has it.
void seal(SafeTensors& checkpoint);

}  // namespace vitrine::tests
