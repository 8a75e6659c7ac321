// Whether models are run fused: see fusion.h.

#include "engine/fusion.h"

namespace vitrine {
namespace {

Fusion chosen = Fusion::automatic;

}  // namespace

void set_fusion(Fusion fusion) { chosen = fusion; }

Fusion chosen_fusion() { return chosen; }

bool fuses(Device device) {
    return chosen == Fusion::automatic ? usually_fuses(device) : chosen == Fusion::on;
}

}  // namespace vitrine
