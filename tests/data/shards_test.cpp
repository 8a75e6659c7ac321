// Tar archives of samples, read in place: which kinds of tar, which samples, and what is refused.

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "data/dataset.h"
#include "data/shards/tar_file.h"
#include "tests/data/support.h"

using namespace vitrine;
using namespace vitrine::test;

namespace fs = std::filesystem;

namespace {

using Members = std::vector<std::pair<std::string, std::string>>;  // names and contents

/// A header of the ustar format and the padded content.
std::string member(const std::string& name, const std::string& content, char type = '0') {
    std::string header(512, '\0');
    const auto put = [&](size_t at, const std::string& text) { header.replace(at, text.size(), text); };
    put(0, name.substr(0, 100));
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    put(124, fmt::format("{:011o}", content.size()));
    put(136, "00000000000");
    put(148, "        ");
    header[156] = type;
    put(257, std::string("ustar\0"
                         "00",
                         8));
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    put(148, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
    return header + content + std::string((512 - content.size() % 512) % 512, '\0');
}

std::string tar_of(const Members& members) {
    std::string tar;
    for (const auto& [name, content] : members) tar += member(name, content);
    return tar + std::string(1024, '\0');
}

std::string image(int red) {
    std::string text = "P6\n2 2\n255\n";
    for (int i = 0; i < 4; ++i) text += {static_cast<char>(red), 100, 7};
    return text;
}

/// Samples first … last with a .cls each, its class in turn.
Members samples(int first, int last, const std::vector<std::string>& classes = {"ant", "bee"}) {
    Members members;
    for (int i = first; i <= last; ++i) {
        members.emplace_back(fmt::format("{:04}.ppm", i), image(i));
        members.emplace_back(fmt::format("{:04}.cls", i), classes[static_cast<size_t>(i) % classes.size()]);
    }
    return members;
}

struct Set {
    Dataset load(const std::string& path = "") {
        DatasetOptions options = folder_options(path.empty() ? root : root / path, cache.path());
        options.image_size = 2;
        options.threads = 1;
        return load_dataset(options);
    }
    void write(const std::string& name, const Members& members) { write_text(root / name, tar_of(members)); }
    std::string loaded(const std::string& path = "") {
        const Dataset set = load(path);
        return fmt::format("{} {}: {} + {}", set.kind, fmt::join(set.class_names, " "), set.train.count,
                           set.validation.count);
    }
    std::string refused(const std::string& path = "") {
        std::string text = error_of([&] { load(path); });
        for (size_t at = text.find(root.string()); at != std::string::npos; at = text.find(root.string()))
            text.replace(at, root.string().size(), "ROOT");
        return text;
    }
    std::string refused(const Members& members) {
        write("a.tar", members);
        return refused();
    }

    TemporaryFolder folder, cache;
    fs::path root = folder.path() / "set";
};

bool has(const std::string& text, const std::string& part) {
    CAPTURE(text);
    CAPTURE(part);
    const bool found = text.find(part) != std::string::npos;
    CHECK(found);
    return found;
}

}  // namespace

TEST_CASE_FIXTURE(Set, "shards: images are read in place, with the classes of .cls and .json files") {
    write("data-000000.tar", samples(1, 6));
    write("data-000001.tar", {{"dir/a.b.json", "{}"},
                              {"dir/0007.PPM", image(7)},
                              {"dir/0007.json", R"({"caption": "x", "label": "bee"})"},
                              {"dir/0007.txt", "a bee"},
                              {"./0008.ppm", image(8)},
                              {"./0008.cls", " ant\n"}});
    CHECK(loaded() == "tar_shards ant bee: 6 + 2");
    CHECK(loaded("data-000000.tar") == "tar_shards ant bee: 4 + 2");
    const Dataset set = load();
    CHECK(has(set.notices.front(), "the images are read in place from 2 tar archives"));
    for (const ImageSet* part : {&set.train, &set.validation}) {
        for (int64_t i = 0; i < part->count; ++i) {
            const std::string name = part->name(i);
            const size_t last = name.rfind('/');
            const int number = std::stoi(name.substr(last + 1, 4));
            CAPTURE(name);
            CHECK(part->image(i)[0] == number);
            CHECK(part->labels[static_cast<size_t>(i)] == number % 2);
        }
    }
    CHECK(std::ranges::count(set.skipped, SkippedKind::no_image, &SkippedFile::kind) == 2);
}

TEST_CASE_FIXTURE(
    Set, "shards: parts by the names of archives and of folders, numbers in the order of their values") {
    write("imagenet-train-000000.tar", samples(1, 6, {"0", "10", "9"}));
    write("imagenet-val-000000.tar", samples(7, 8, {"9", "10"}));
    CHECK(loaded() == "tar_shards 0 9 10: 6 + 2");
    write("imagenet-test-000000.tar", samples(9, 9, {"9"}));
    CHECK(loaded() == "tar_shards 0 9 10: 6 + 2");
    fs::remove(root / "imagenet-val-000000.tar");
    CHECK(loaded() == "tar_shards 0 9 10: 6 + 1");
    write("more.tar", samples(10, 11));
    CHECK(has(refused(), "the name of 'ROOT/more.tar' does not say which part it is of"));
    fs::remove_all(root);
    write("train/00.tar", samples(1, 4));
    write("valid/00.tar", samples(1, 2));
    CHECK(loaded() == "tar_shards ant bee: 4 + 2");
    write("valid/00.tar", samples(1, 2, {"ant", "cat"}));
    CHECK(has(refused(),
              "the validation image 'valid/00.tar/0001.ppm' has the class 'cat', which no training"));
}

TEST_CASE_FIXTURE(Set, "shards: another class is there at once, other pixels at another place are decoded") {
    write("a.tar", samples(1, 4));
    CHECK(load().train.count == 4 - load().validation.count);
    Members other = samples(1, 4, {"bee", "ant"});
    std::ranges::reverse(other);
    write("a.tar", other);
    const Dataset set = load();
    for (int64_t i = 0; i < set.train.count; ++i) {
        const int number = set.train.image(i)[0];
        CHECK(has(set.train.name(i), fmt::format("a.tar/{:04}.ppm", number)));
        CHECK(set.train.labels[static_cast<size_t>(i)] == (number + 1) % 2);
    }
    DatasetOptions options = folder_options(root, cache.path());
    options.image_size = 2;
    options.verify_cache = true;
    CHECK(has(fmt::format("{}", fmt::join(load_dataset(options).notices, "\n")),
              "the cache of decoded images was verified: it is of the 4 files"));
}

TEST_CASE_FIXTURE(Set, "shards: samples that do not fit") {
    CHECK(has(
        refused(Members{{"1.ppm", image(1)}, {"2.ppm", image(2)}, {"2.cls", "a"}, {"3.ppm", image(3)}}),
        "the archive 'ROOT/a.tar' has 2 samples without a class, which is expected in a .cls or a .json of "
        "the same name: '1', '3'"));
    CHECK(has(refused(Members{
                  {"1.ppm", image(1)}, {"1.cls", "a"}, {"2.cls", "b"}, {"3.gif", "GIF"}, {"3.cls", "a"}}),
              "2 samples with a class and without an image: '2', '3'"));
    CHECK(has(refused(Members{{"1.ppm", image(1)}, {"1.cls", " \n"}}), "1 sample with an empty class: '1'"));
    CHECK(has(refused(Members{{"1.ppm", image(1)}, {"1.json", "{"}}),
              "1 sample with a .json that cannot be read"));
    CHECK(has(refused(Members{{"1.ppm", image(1)}, {"1.json", "{\"label\": [1]}"}}),
              "the class is neither a text nor a whole number: '1'"));
    CHECK(has(refused(Members{{"1.ppm", image(1)}, {"1.json", "[1]"}}), "1 sample without a class"));
    CHECK(has(refused(Members{{"1.ppm", image(1)}, {"1.png", image(1)}, {"1.cls", "a"}}),
              "1 sample with two images, two classes or two records: '1'"));
    CHECK(has(refused(samples(1, 4, {"ant"})), "all training images in 'ROOT' have the class 'ant'"));
    CHECK(has(refused(Members{}), "the archives of 'ROOT' hold no training images"));
    CHECK(has(refused(Members{{"readme.md", "x"}}), "the archives of 'ROOT' hold no training images"));
}

TEST_CASE_FIXTURE(Set, "shards: an image that cannot be decoded is left out and listed") {
    Members members = samples(1, 6);
    members.emplace_back("0007.ppm", "P6 no image");
    members.emplace_back("0007.cls", "ant");
    members.emplace_back("0008.ppm", "");
    members.emplace_back("0008.cls", "ant");
    members.emplace_back("0009.ppm", image(9).substr(0, 15));  // what follows is not its own
    members.emplace_back("0009.cls", "ant");
    write("a.tar", members);
    const Dataset set = load();
    CHECK(set.train.count + set.validation.count == 6);
    REQUIRE(set.skipped.size() == 3);
    CHECK(has(set.skipped[0].path, "a.tar/0007.ppm"));
    CHECK(has(set.skipped[1].reason, "empty"));
    CHECK(set.skipped[2].name == "a.tar/0009.ppm");
}

TEST_CASE_FIXTURE(Set, "shards: what is no tar file that can be read in place") {
    const std::string whole = tar_of(samples(1, 6));
    for (const size_t cut : {size_t{100}, size_t{520}, size_t{700}, size_t{512 * 5 + 3}}) {
        write_text(root / "a.tar", whole.substr(0, cut));
        const std::string sentence = refused();
        CAPTURE(cut);
        CHECK(has(sentence, "the archive 'ROOT/a.tar' is "));
    }
    write_text(root / "a.tar", whole.substr(0, 512 + 3));
    CHECK(has(refused(),
              "the archive 'ROOT/a.tar' is cut short: it has 515 bytes, and '0001.ppm' would end at "
              "byte 535"));
    std::string damaged = whole;
    damaged[512 * 2 + 10] = 'x';
    write_text(root / "a.tar", damaged);
    CHECK(has(refused(), "is no tar file or damaged (Damaged tar archive"));
    write_text(root / "a.tar", "not a tar");
    CHECK(has(refused(), "is no tar file"));
    write_text(root / "a.tar", "\x1f\x8b\x08 gzip");
    CHECK(has(refused(),
              "is compressed, so that its images cannot be read in place: unpack it to a .tar file"));
    fs::rename(root / "a.tar", root / "a.tar.gz");
    CHECK(has(refused(), "the archive 'ROOT/a.tar.gz' is compressed"));
    CHECK(has(refused("a.tar.gz"), "the archive 'ROOT/a.tar.gz' is compressed"));
    fs::remove(root / "a.tar.gz");
    write("a.tar", samples(1, 6));
    for (const char* name : {"ant/1.ppm", "ant/2.ppm", "bee/1.ppm", "bee/2.ppm"})
        write_image(root / name, 2, 2, 1, 2, 3);
    CHECK(load().kind == "image_folder");  // unpacked already
}

TEST_CASE_FIXTURE(Set,
                  "shards: where files are in a tar of each format, with long names, links and folders") {
    const std::string long_name = std::string(120, 'd') + '/' + std::string(150, 'x') + ".ppm";
    // As GNU tar and as POSIX (pax) write it.
    std::string pax = fmt::format("{} path={}\n", long_name.size() + 10, long_name);
    for (const std::string& extension :
         {member("././@LongLink", long_name + '\0', 'L'), member("x", pax, 'x')}) {
        std::string tar =
            member("dir/", "", '5') + member("link.ppm", "", '2') + extension + member("short", image(3));
        tar += member("0001.ppm", image(4)) + std::string(1024, '\0');
        write_text(root / "a.tar", tar);
        const std::vector<TarEntry> entries = list_tar(root / "a.tar");
        REQUIRE(entries.size() == 2);
        CHECK(entries[0].name == long_name);
        CHECK(tar.substr(entries[0].offset, entries[0].bytes) == image(3));
        CHECK(tar.substr(entries[1].offset, entries[1].bytes) == image(4));
    }
}
