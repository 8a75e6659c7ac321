// What became of a data set between two looks at it, in words: see dataset_changes.h.

#include "data/dataset_changes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "engine/escape.h"

namespace vitrine {
namespace {

constexpr size_t named = 3;          // of each kind of change; more would bury the sentence
constexpr size_t longest_name = 80;  // characters of it that are shown

/// A text in quotes, cut where it is too long.
std::string quoted(std::string text) {
    if (text.size() > longest_name) {
        size_t end = longest_name;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // whole characters
        text.replace(end, std::string::npos, "…");
    }
    return fmt::format("'{}'", text);
}

std::string quoted(const KnownImage& image) { return quoted(escape(image.name)); }

std::string file_name(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

/// Things that had the same fate, counted, the first few of them named.
class Fate {
  public:
    void add(std::string what) {
        ++count_;
        if (named_.size() < named) named_.push_back(std::move(what));
    }
    /// "2 images are new ('a', 'b')", or nothing.
    void tell(std::vector<std::string>& clauses, std::string_view one, std::string_view several) const {
        if (count_ == 0) return;
        clauses.push_back(fmt::format("{} {} ({}{})", count_, count_ == 1 ? one : several,
                                      fmt::join(named_, ", "),
                                      count_ > static_cast<int64_t>(named_.size()) ? ", …" : ""));
    }
    int64_t count() const { return count_; }

  private:
    int64_t count_ = 0;
    std::vector<std::string> named_;
};

std::vector<ImageKey> keys_of(const DatasetIdentity& identity) {
    std::vector<ImageKey> keys;
    for (const KnownImage& image : identity.images) keys.push_back({name_hash(image.name), image.pixels});
    return keys;
}

/// What follows the changes of classes and images.
class Comparison {
  public:
    Comparison(const DatasetIdentity& earlier, const DatasetIdentity& now) : earlier_(earlier), now_(now) {
        changes_.matches = match_images(keys_of(earlier), keys_of(now));
        map_classes();
    }

    DatasetChanges tell(const std::vector<SkippedFile>& skipped) && {
        tell_classes();
        tell_new_and_gone(skipped);
        tell_moved();
        return std::move(changes_);
    }

  private:
    /// By name; a class of another name is the one whose images it has most of.
    void map_classes() {
        std::map<std::string, int32_t> numbers;
        for (size_t i = 0; i < earlier_.classes.size(); ++i)
            numbers.emplace(earlier_.classes[i], static_cast<int32_t>(i));
        changes_.classes.assign(now_.classes.size(), -1);
        std::set<int32_t> taken;
        for (size_t i = 0; i < now_.classes.size(); ++i) {
            const auto found = numbers.find(now_.classes[i]);
            if (found == numbers.end()) continue;
            changes_.classes[i] = found->second;
            taken.insert(found->second);
        }
        std::map<std::pair<int32_t, int32_t>, int64_t> shared;  // (class now, class then): images
        for (size_t i = 0; i < now_.images.size(); ++i) {
            const KnownImage* before = known(i);
            const int32_t label = now_.images[i].label;
            if (before != nullptr && changes_.classes[static_cast<size_t>(label)] < 0 &&
                !taken.contains(before->label))
                ++shared[{label, before->label}];
        }
        std::vector<std::pair<int64_t, std::pair<int32_t, int32_t>>> most_first;
        for (const auto& [classes, images] : shared) most_first.emplace_back(-images, classes);
        std::ranges::sort(most_first);
        for (const auto& [images, classes] : most_first) {
            int32_t& then = changes_.classes[static_cast<size_t>(classes.first)];
            if (then < 0 && taken.insert(classes.second).second) then = classes.second;
        }
    }

    /// The image that image i is or was made of; null: none.
    const KnownImage* known(size_t i) const {
        const ImageMatch& match = changes_.matches[i];
        const bool is_known = match.how != Sameness::fresh && match.how != Sameness::copy;
        return is_known ? &earlier_.images[static_cast<size_t>(match.earlier)] : nullptr;
    }

    bool renamed(size_t class_now) const {
        const int32_t then = changes_.classes[class_now];
        return then >= 0 && now_.classes[class_now] != earlier_.classes[static_cast<size_t>(then)];
    }

    void tell_classes() {
        Fate fresh, gone, other_names;
        std::set<int32_t> left;
        for (size_t i = 0; i < now_.classes.size(); ++i) {
            const int32_t then = changes_.classes[i];
            left.insert(then);
            if (then < 0) fresh.add(quoted(now_.classes[i]));
            if (renamed(i))
                other_names.add(fmt::format("{} is now {}",
                                            quoted(earlier_.classes[static_cast<size_t>(then)]),
                                            quoted(now_.classes[i])));
        }
        for (size_t i = 0; i < earlier_.classes.size(); ++i) {
            if (!left.contains(static_cast<int32_t>(i))) gone.add(quoted(earlier_.classes[i]));
        }
        fresh.tell(changes_.clauses, "class is new", "classes are new");
        gone.tell(changes_.clauses, "class is gone", "classes are gone");
        other_names.tell(changes_.clauses, "class has another name", "classes have other names");
    }

    void tell_new_and_gone(const std::vector<SkippedFile>& skipped) {
        Fate fresh, gone, unreadable;
        std::vector<bool> found(earlier_.images.size(), false);
        for (size_t i = 0; i < now_.images.size(); ++i) {
            if (known(i) != nullptr) {
                found[static_cast<size_t>(changes_.matches[i].earlier)] = true;
            } else {
                fresh.add(quoted(now_.images[i]));
            }
        }
        std::set<std::string> unread;
        for (const SkippedFile& file : skipped) unread.insert(file.name);
        for (size_t i = 0; i < found.size(); ++i) {
            if (found[i]) continue;
            const KnownImage& image = earlier_.images[i];
            (unread.contains(image.name) ? unreadable : gone).add(quoted(image));
        }
        fresh.tell(changes_.clauses, "image is new", "images are new");
        gone.tell(changes_.clauses, "image is gone", "images are gone");
        unreadable.tell(changes_.clauses, "image cannot be read any more", "images cannot be read any more");
    }

    /// Whether only its class's new name gave image i another one.
    bool is_renamed_with_class(size_t i, const KnownImage& before) const {
        return renamed(static_cast<size_t>(now_.images[i].label)) &&
               file_name(before.name) == file_name(now_.images[i].name);
    }

    void tell_moved() {
        const bool parts_have_places = earlier_.draw.validation == 0.0 && now_.draw.validation == 0.0;
        std::map<std::pair<int32_t, int32_t>, Fate> between_classes;  // (class then, class now)
        std::map<bool, Fate> between_parts;                           // to validation
        Fate other_pixels, other_names;
        for (size_t i = 0; i < now_.images.size(); ++i) {
            const KnownImage* before = known(i);
            if (before == nullptr) continue;
            const KnownImage& image = now_.images[i];
            if (changes_.matches[i].how == Sameness::changed) other_pixels.add(quoted(image));
            const bool validates = image.part == Part::validation;
            if (before->label != changes_.classes[static_cast<size_t>(image.label)]) {
                between_classes[{before->label, image.label}].add(quoted(image));
            } else if (parts_have_places && validates != (before->part == Part::validation)) {
                between_parts[validates].add(quoted(image));
            } else if (before->name != image.name && !is_renamed_with_class(i, *before)) {
                other_names.add(fmt::format("{} is now {}", quoted(*before), quoted(image)));
            }
        }
        tell_between_classes(between_classes);
        for (const auto& [validates, fate] : between_parts) {
            const std::string what = validates ? "moved from the training to the validation images"
                                               : "moved from the validation to the training images";
            fate.tell(changes_.clauses, "image was " + what, "images were " + what);
        }
        other_pixels.tell(changes_.clauses, "image has other pixels", "images have other pixels");
        other_names.tell(changes_.clauses, "image has another name", "images have other names");
    }

    /// The pairs of classes with the most images, and how many there are beside them.
    void tell_between_classes(const std::map<std::pair<int32_t, int32_t>, Fate>& moves) {
        std::vector<std::pair<std::pair<int32_t, int32_t>, const Fate*>> most_first;
        for (const auto& [classes, fate] : moves) most_first.emplace_back(classes, &fate);
        std::ranges::stable_sort(most_first, std::greater{},
                                 [](const auto& move) { return move.second->count(); });
        int64_t others = 0;
        for (size_t i = 0; i < most_first.size(); ++i) {
            const auto& [classes, fate] = most_first[i];
            if (i >= named) {
                others += fate->count();
                continue;
            }
            const std::string what = fmt::format("moved from class {} to {}",
                                                 quoted(earlier_.classes[static_cast<size_t>(classes.first)]),
                                                 quoted(now_.classes[static_cast<size_t>(classes.second)]));
            fate->tell(changes_.clauses, "image was " + what, "images were " + what);
        }
        if (others > 0)
            changes_.clauses.push_back(fmt::format("{} images were moved between other classes", others));
    }

    const DatasetIdentity& earlier_;
    const DatasetIdentity& now_;
    DatasetChanges changes_;
};

}  // namespace

DatasetChanges changes_between(const DatasetIdentity& earlier, const DatasetIdentity& now,
                               const std::vector<SkippedFile>& skipped) {
    return Comparison(earlier, now).tell(skipped);
}

}  // namespace vitrine
