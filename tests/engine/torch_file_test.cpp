// Files of torch.save: each layout of several versions of PyTorch is read, what is damaged or asks for code is refused.

#include "engine/torch_file.h"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "engine/input_file.h"
#include "engine/torch_archive.h"
#include "tests/engine/torch_bytes.h"
#include "tests/error_of.h"
#include "tests/folders.h"

using namespace vitrine;
using namespace vitrine::tests;
namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

const std::vector<std::string> versions{"1.13.1", "2.15.0"};

fs::path folder_of(const std::string& version) {
    return fs::path(repository()) / "tests/golden/torch_files" / version;
}

std::string refusal(const std::string& content) {
    return error_of([&] { parse_torch_file(content, "file"); });
}

/// Of a file with one tensor "w".
std::string refusal_of_tensor(const std::string& tensor, const std::string& storage = std::string(16, '\0')) {
    return refusal(torch_file_of(pickle_dict(pickle_text("w") + tensor), storage));
}

std::string refusal_of_pickle(const std::string& pickle) { return refusal(torch_file_of(pickle)); }

}  // namespace

TEST_CASE("every layout of torch.save is read as torch.load reads it") {
    for (const std::string& version : versions) {
        const Json expected = Json::parse(std::ifstream(folder_of(version) / "expected.json"));
        REQUIRE(expected["read"].size() > 10);
        for (const auto& [name, file] : expected["read"].items()) {
            CAPTURE(version);
            CAPTURE(name);
            const std::string content = read_file(folder_of(version) / name);
            CHECK(looks_like_torch_file(content));
            const TorchState found = parse_torch_file(content, name);
            CHECK(found.entry == file["entry"].get<std::string>());
            CHECK(found.state.tensors.size() == file["tensors"].size());
            for (const auto& [key, tensor] : file["tensors"].items()) {
                CAPTURE(key);
                const SafeTensor& read = found.state.at(key);
                CHECK(read.dtype == tensor["dtype"].get<std::string>());
                CHECK(read.shape.extents() == tensor["shape"].get<std::vector<int64_t>>());
                if (read.is_number()) CHECK(read.values() == tensor["values"].get<std::vector<double>>());
            }
        }
    }
}

TEST_CASE("what is no state_dict of tensors is refused by its name") {
    for (const std::string& version : versions) {
        const Json expected = Json::parse(std::ifstream(folder_of(version) / "expected.json"));
        REQUIRE(expected["refused"].size() > 4);
        for (const auto& [name, sentence] : expected["refused"].items()) {
            CAPTURE(version);
            const std::string said = refusal(read_file(folder_of(version) / name));
            CAPTURE(name);
            CAPTURE(said);
            CHECK(contains(said, sentence.get<std::string>()));
        }
    }
    CHECK(!fs::exists("this_was_run"));
    const std::string tar = std::string(257, 'x') + "ustar" + std::string(250, '\0');
    CHECK(looks_like_torch_file(tar));
    CHECK(contains(refusal(tar), "a tar archive"));
    CHECK(contains(refusal("\x80\x04}."), "bare pickle"));
}

TEST_CASE("a view must lie in its storage, whatever its shape claims") {
    const auto tensor = [](int64_t count, int64_t offset, std::vector<int64_t> shape,
                           std::vector<int64_t> strides) {
        return refusal_of_tensor(pickle_tensor(count, offset, shape, strides));
    };
    constexpr int64_t huge = int64_t{1} << 60;
    CHECK(tensor(4, 0, {2, 2}, {2, 1}) == "no error");
    CHECK(tensor(4, 0, {2, 2}, {1, 2}) == "no error");
    CHECK(tensor(4, 3, {1}, {7}) == "no error");
    CHECK(tensor(4, 0, {0, huge}, {1, 1}) == "no error");
    CHECK(contains(tensor(4, 0, {2, 3}, {3, 1}), "reaches element 5 of a storage of 4"));
    CHECK(contains(tensor(4, 1, {4}, {1}), "reaches element 4 of a storage of 4"));
    CHECK(contains(tensor(4, 0, {huge}, {1}), "reaches element"));
    CHECK(contains(tensor(4, 0, {huge, huge}, {1, 1}), "absurd shape"));
    CHECK(contains(tensor(4, 0, {huge, huge, 0}, {1, 1, 1}), "absurd shape"));
    CHECK(contains(tensor(4, 0, {3}, {huge * 4}), "absurd shape"));
    CHECK(contains(tensor(4, 0, {huge}, {0}), "more than 4 times the bytes of the file"));
    CHECK(contains(tensor(4, -1, {2}, {1}), "absurd shape"));
    CHECK(contains(tensor(4, 3, {2}, {-1}), "shape or strides below 0"));
    CHECK(contains(tensor(4, 0, {-2}, {1}), "shape or strides below 0"));
    CHECK(contains(tensor(4, 0, {2, 2}, {1}), "not as many strides as axes"));
    CHECK(contains(tensor(huge, 0, {2}, {1}), "where the tensor w needs"));
    CHECK(contains(tensor(huge * 4, 0, {2}, {1}), "absurd shape"));
    CHECK(contains(tensor(5, 0, {2}, {1}), "of 16 bytes, where the tensor w needs 20"));
    const std::string one = pickle_text("w") + pickle_tensor(4, 0, {4}, {1});
    CHECK(contains(refusal(torch_file_of(pickle_dict(one + one), std::string(16, '\0'))), "tensor w twice"));
}

TEST_CASE("a pickle that asks for anything else is refused by what it asks for") {
    const auto with = [](const std::string& opcodes) {
        return refusal_of_pickle(pickle_dict(pickle_text("a") + opcodes));
    };
    CHECK(contains(with(pickle_global("os", "system") + pickle_text("true") + "\x85R"),
                   "asks for os.system; only tensors and containers are read"));
    CHECK(contains(with(pickle_text("builtins") + pickle_text("eval") + "\x93"), "asks for builtins.eval"));
    CHECK(contains(with(pickle_global("torch.storage", "_load_from_bytes")),
                   "asks for torch.storage._load_from_bytes"));
    CHECK(contains(with(pickle_global("torch\x1b[31m", "x")), "asks for torch\\x1b[31m.x"));
    CHECK(contains(with(pickle_global("collections", "OrderedDict") + ")\x81"),
                   "makes an object of collections.OrderedDict"));  // NEWOBJ
    CHECK(contains(with(pickle_text("os.system") + ")\x81"), "makes an object of a text"));
    CHECK(contains(with(pickle_global("argparse", "Namespace") + "\x4e\x85\x81"),
                   "makes an object of argparse.Namespace"));
    CHECK(contains(with(pickle_text("os.system") + ")R"), "calls a text"));
    CHECK(contains(with("]}b"), "sets the state of a list"));
    CHECK(contains(with("(ios\nsystem\n"), "opcode 0x69"));  // INST, which names and calls at once
}

TEST_CASE("a damaged pickle is refused in a sentence") {
    const auto said = [](const std::string& pickle) { return refusal_of_pickle(pickle); };
    CHECK(contains(said(""), "does not begin as one of protocol 2 to 5"));
    CHECK(contains(said("}."), "does not begin as one of protocol 2 to 5"));
    CHECK(contains(said("\x80\x06}."), "of protocol 6"));
    CHECK(contains(said("\x80\x02"), "ends too early"));
    CHECK(contains(said("\x80\x02X\xff\xff\xff\xff"
                        "abc"),
                   "ends too early"));
    CHECK(contains(said("\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\x7f"
                        "abc"),
                   "ends too early"));
    CHECK(contains(said("\x80\x02."), "takes a value that is not there"));
    CHECK(contains(said("\x80\x02"
                        "}}."),
                   "leaves values over"));
    CHECK(contains(said("\x80\x02}.x"), "goes on behind its end"));
    CHECK(contains(said("\x80\x02h\x05."), "recalls a value"));
    CHECK(contains(said("\x80\x02u."), "a mark that is not there"));
    CHECK(contains(said("\x80\x02}(Nu."), "a key without a value"));
    CHECK(contains(said("\x80\x02\x8a\x09"
                        "123456789."),
                   "more than 64 bits"));
    const std::string mixed =
        pickle_text("w") + pickle_tensor(1, 0, {1}, {1}) + pickle_text("epoch") + "K\x03";
    CHECK(contains(said(pickle_dict(mixed)), "a dict of tensors and of epoch, which is a whole number"));
    // A list in itself, and lists a million deep: nothing here calls itself.
    CHECK(contains(said("\x80\x02]q\x01h\x01"
                        "a."),
                   "holds a list"));
    CHECK(contains(said("\x80\x02" + std::string(900'000, ']') + std::string(899'999, 'a') + "."),
                   "holds a list"));
    CHECK(contains(said("\x80\x02" + std::string(1'100'000, ']') + "."), "more than 1000000 values"));
    // A list of a thousand, made a set ten thousand times.
    std::string again = "\x80\x02](" + std::string(1000, 'N') + "eq\x01";
    for (int i = 0; i < 10'000; ++i) again += pickle_global("builtins", "set") + "h\x01\x85R";
    CHECK(contains(said(again + "."), "copies its values again and again"));
}

TEST_CASE("an archive that promises more than it has is refused") {
    const std::string pickle = pickle_dict(pickle_text("w") + pickle_tensor(4, 0, {4}, {1}));
    const std::string storage(16, '\1');
    const auto with = [&](const ZipEntry& entry) { return refusal(zip_of({{"a/data.pkl", pickle}, entry})); };
    CHECK(with({"a/data/0", storage}) == "no error");
    CHECK(contains(with({.name = "a/data/0", .bytes = storage, .flip_crc = 1}), "damaged"));
    CHECK(contains(with({.name = "a/data/0", .bytes = "x", .method = 8, .claimed = 16}), "compressed"));
    CHECK(contains(with({.name = "a/data/0", .bytes = storage, .claimed = 4'000'000'000}),
                   "more bytes than it has"));
    CHECK(contains(with({"a/data.pkl", pickle}), "twice"));
    CHECK(contains(with({"b/data.pkl", pickle}), "two data.pkl"));
    CHECK(contains(with({"a/byteorder", "big"}), "little-endian"));
    CHECK(contains(with({"a/data/1", storage}), "no entry a/data/0 for the tensor w"));
    CHECK(contains(refusal(zip_of({{"word/document.xml", "x"}})), "torch.save did not write it"));
    CHECK(contains(refusal("XX" + zip_of({{"a/data.pkl", pickle}, {"a/data/0", storage}}).substr(2)),
                   "does not begin as one"));
    CHECK(contains(refusal("PK\x03\x04 and nothing more"), "damaged"));
    // Two hundred entries in the same bytes: each is in the file, all of them are not.
    std::string same = zip_of({{"a/data/0", std::string(1000, 'x')}});
    const std::string begin = same.substr(0, same.find("PK\x01\x02"));
    std::string directory = same.substr(begin.size(), same.find("PK\x05\x06") - begin.size()), all;
    for (int i = 0; i < 200; ++i) {
        all += directory;
        all[all.size() - 1] = static_cast<char>('0' + i % 10);
        all[all.size() - 2] = static_cast<char>('A' + i / 10);
    }
    std::string end = same.substr(same.find("PK\x05\x06"));
    end[8] = end[10] = static_cast<char>(200);
    for (int i = 0; i < 4; ++i) end[static_cast<size_t>(12 + i)] = static_cast<char>(all.size() >> (8 * i));
    CHECK(contains(refusal(begin + all + end), "its entries would take more bytes than it has"));
}

TEST_CASE("random damage is refused or harmless") {
    std::mt19937 random(20);
    for (const char* name : {"in_model.pth", "views.pth", "legacy.pth", "script.pt"}) {
        const std::string sound = read_file(folder_of("2.15.0") / name);
        for (size_t size = 0; size < sound.size(); size += 1 + random() % 32)
            CHECK_NOTHROW(refusal(sound.substr(0, size)));  // anything but an Error would come through
        for (int i = 0; i < 400; ++i) {
            std::string damaged = sound;
            for (size_t flips = 1 + random() % 4; flips > 0; --flips)
                damaged[random() % damaged.size()] = static_cast<char>(random());
            CHECK_NOTHROW(refusal(damaged));
        }
        // Inside the pickle, with a checksum that fits.
        if (sound.find("data.pkl") == std::string::npos || !contains(name, ".pth")) continue;
        const size_t begin = sound.find("\x80\x02");
        const std::string pickle = sound.substr(begin, sound.find("PK\x07\x08", begin) - begin);
        for (int i = 0; i < 1000; ++i) {
            std::string damaged = pickle;
            for (size_t flips = 1 + random() % 4; flips > 0; --flips)
                damaged[random() % damaged.size()] = static_cast<char>(random());
            CHECK_NOTHROW(refusal(torch_file_of(damaged, std::string(16, '\0'))));
        }
    }
}
