// Whether models are run fused: see fusion.h.

#include "engine/fusion.h"

namespace vitrine {
namespace {

Fusion chosen = Fusion::automatic;

}  // namespace

void set_fusion(Fusion fusion) { chosen = fusion; }

Fusion chosen_fusion() { return chosen; }

bool fuses(Device device) {
    return chosen == Fusion::automatic ? usually_fuses(device) : chosen != Fusion::off;
}

bool writes_all() { return chosen == Fusion::written; }

const char* name_of(Fusion fusion) {
    switch (fusion) {
        case Fusion::automatic:
            return "automatic";
        case Fusion::on:
            return "on";
        case Fusion::written:
            return "written";
        case Fusion::off:
            return "off";
    }
    return "?";
}

}  // namespace vitrine
