// Which images of two looks at a data set are the same ones: see same_images.h.

#include "data/same_images.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

namespace vitrine {
namespace {

using Hashes = std::pair<uint64_t, uint64_t>;
using Entry = std::pair<Hashes, int64_t>;

/// The images of one look that have no partner yet, sorted by what is compared.
template <class Compared>
std::vector<Entry> unpaired(std::span<const ImageKey> keys, const std::vector<bool>& paired,
                            const Compared& compared) {
    std::vector<Entry> entries;
    for (size_t i = 0; i < keys.size(); ++i) {
        if (!paired[i]) entries.emplace_back(compared(keys[i]), static_cast<int64_t>(i));
    }
    std::ranges::sort(entries);
    return entries;
}

class Pairing {
  public:
    Pairing(std::span<const ImageKey> earlier, std::span<const ImageKey> now)
        : earlier_(earlier), now_(now), taken_(earlier.size()), known_(now.size()), matches_(now.size()) {}

    /// Pairs what is alike in `compared`, each image once, in the order of both lists.
    template <class Compared>
    void pair_up(Sameness how, const Compared& compared) {
        const std::vector<Entry> before = unpaired(earlier_, taken_, compared);
        const std::vector<Entry> after = unpaired(now_, known_, compared);
        auto old = before.begin();
        for (const auto& [hashes, index] : after) {
            while (old != before.end() && old->first < hashes) ++old;
            if (old == before.end()) break;
            if (old->first != hashes) continue;
            matches_[static_cast<size_t>(index)] = {how, old->second};
            known_[static_cast<size_t>(index)] = true;
            taken_[static_cast<size_t>(old->second)] = true;
            ++old;
        }
    }

    /// What is left and has the pixels of an image that was there, whoever else has them too.
    void find_copies() {
        const auto pixels = [](const ImageKey& key) { return Hashes{key.pixels, 0}; };
        const std::vector<Entry> all = unpaired(earlier_, std::vector<bool>(earlier_.size()), pixels);
        for (size_t i = 0; i < now_.size(); ++i) {
            if (known_[i]) continue;
            const auto found = std::ranges::lower_bound(all, Entry{pixels(now_[i]), 0});
            if (found == all.end() || found->first.first != now_[i].pixels) continue;
            matches_[i] = {Sameness::copy, found->second};
            known_[i] = true;
        }
    }

    std::vector<ImageMatch> matches() && { return std::move(matches_); }

  private:
    std::span<const ImageKey> earlier_, now_;
    std::vector<bool> taken_, known_;
    std::vector<ImageMatch> matches_;
};

}  // namespace

uint64_t name_hash(std::string_view name) { return XXH3_64bits(name.data(), name.size()); }

std::vector<ImageMatch> match_images(std::span<const ImageKey> earlier, std::span<const ImageKey> now) {
    Pairing pairing(earlier, now);
    pairing.pair_up(Sameness::same, [](const ImageKey& key) { return Hashes{key.name, key.pixels}; });
    pairing.pair_up(Sameness::moved, [](const ImageKey& key) { return Hashes{key.pixels, 0}; });
    pairing.find_copies();  // before names: these tell less than pixels
    pairing.pair_up(Sameness::changed, [](const ImageKey& key) { return Hashes{key.name, 0}; });
    return std::move(pairing).matches();
}

}  // namespace vitrine
