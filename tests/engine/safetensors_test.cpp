// safetensors: what is written is read back, what is damaged is refused with a sentence.

#include "engine/safetensors.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include "engine/atomic_file.h"
#include "engine/checkpoint.h"
#include "engine/error.h"
#include "engine/nn/layers.h"

using namespace vitrine;
namespace fs = std::filesystem;

namespace {

struct TemporaryFolder {
    fs::path path = fs::temp_directory_path() / ("vitrine_safetensors_" + std::to_string(::getpid()));
    TemporaryFolder() { fs::create_directories(path); }
    ~TemporaryFolder() { fs::remove_all(path); }
};

std::string with_header(const std::string& header, const std::string& buffer) {
    const uint64_t size = header.size();
    std::string content(sizeof(size), '\0');
    std::memcpy(content.data(), &size, sizeof(size));
    return content + header + buffer;
}

}  // namespace

TEST_CASE("tensors and metadata come back as they were, in order") {
    const TemporaryFolder folder;
    const fs::path path = folder.path / "file.safetensors";
    SafeTensors file;
    file.metadata = {{"model", "test"}, {"quote", "\"\\\n"}};
    const std::vector<double> values{1.5, -2.0, 3.25, 4.0, 5.0, 6.0}, one{7.0};
    file.tensors = {SafeTensor::f32("b", {2, 3}, values), SafeTensor::f64("a", {6}, values),
                    SafeTensor::i64("count", {}, one), SafeTensor::f32("empty", {0, 4}, {})};
    write_safetensors(path, file);

    const SafeTensors back = read_safetensors(path);
    CHECK(back.metadata == file.metadata);
    REQUIRE(back.tensors.size() == 4);
    CHECK(back.at("b").values() == values);
    CHECK(back.at("b").shape == Shape{2, 3});
    CHECK(back.at("a").values() == values);
    CHECK(back.at("count").values() == one);
    CHECK(back.at("count").shape == Shape{});
    CHECK(back.find("c") == nullptr);
    CHECK_THROWS_AS(back.at("c"), Error);

    const std::string content = read_file(path);
    uint64_t header = 0;
    std::memcpy(&header, content.data(), sizeof(header));
    CHECK(header % 8 == 0);
    CHECK(content[8] == '{');
    CHECK(std::distance(fs::directory_iterator(folder.path), fs::directory_iterator()) == 1);
}

TEST_CASE("a damaged file is refused with one sentence that names it") {
    const TemporaryFolder folder;
    const fs::path path = folder.path / "damaged.safetensors";
    const std::string entry = R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
    const std::vector<std::string> damaged{
        "",
        "short",
        with_header("{" + entry + "}", "1234567"),                 // too short
        with_header("{" + entry + "}", "123456789"),               // too long
        with_header("{" + entry + "," + entry + "}", "12345678"),  // twice
        with_header("not json", "12345678"),
        with_header(R"({"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}})", "12345678"),  // no such type
        with_header(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", "12345678"),  // wrong size
        with_header(R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", "12345678"),  // negative
        with_header(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", "12345678"),   // a hole
        with_header(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}})", "12345678"),   // backwards
        with_header(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}})",
                    "12345678"),
        with_header(R"({"a":{"dtype":"F32","data_offsets":[0,8]}})", "12345678"),  // no shape
        std::string("\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10),                     // absurd header
        with_header(R"({"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}})", "12345678"),  // fraction
        with_header(R"({"a":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}})", "12345678"),  // text
        with_header(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}})", "12345678"),  // a third
        with_header(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8.0]}})", "12345678"),  // fraction
        with_header(R"({"a":{"dtype":"F4","shape":[15],"data_offsets":[0,7]}})", "1234567"),  // half a byte
        with_header(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4,0],"data_offsets":[0,0]}})", ""),
        with_header(R"({"__metadata__":{"a":1}})", ""),
        with_header(R"({"a":[]})", ""),
        with_header("\xef\xbb\xbf{}", ""),
        with_header(std::string("{}\0", 3), ""),
        with_header("{\"a\":" + std::string(100'000, '['), ""),
    };
    for (const std::string& content : damaged) {
        std::ofstream(path, std::ios::binary) << content;
        CAPTURE(content);
        try {
            read_safetensors(path);
            FAIL("accepted");
        } catch (const Error& error) {
            CHECK(std::string(error.what()).find("damaged.safetensors") != std::string::npos);
        }
    }
    CHECK_THROWS_AS(read_safetensors(folder.path / "absent"), Error);
    CHECK_THROWS_AS(read_safetensors(folder.path), Error);
}

TEST_CASE(
    "what the format allows is read: no metadata, unknown keys, small types, tensors without elements") {
    const auto tensors = [](const std::string& header, const std::string& buffer) {
        return parse_safetensors(with_header(header, buffer), "file").tensors.size();
    };
    CHECK(tensors("{}  ", "") == 0);
    CHECK(tensors(R"( {"__metadata__":null})", "") == 0);
    CHECK(tensors(R"({"a":{"dtype":"F4","shape":[4],"data_offsets":[0,2],"more":[{"x":[]}]}})", "12") == 1);
    CHECK(tensors(R"({"c":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},
                      "b":{"dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[2,2]},
                      "a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})",
                  "12") == 3);
}

TEST_CASE("a header of a hundred thousand tensors and metadata keys is read in linear time") {
    const auto seconds_for = [](int count) {
        std::string header = R"({"__metadata__":{)";
        for (int i = 0; i < count; ++i) header += fmt::format(R"({}"key {}":"")", i == 0 ? "" : ",", i);
        header += "}";
        for (int i = 0; i < count; ++i)
            header +=
                fmt::format(R"(,"{}":{{"dtype":"U8","shape":[1],"data_offsets":[{},{}]}})", i, i, i + 1);
        const std::string content = with_header(header + "}", std::string(static_cast<size_t>(count), 'x'));
        const auto start = std::chrono::steady_clock::now();
        const SafeTensors file = parse_safetensors(content, "file");
        CHECK(file.tensors.size() == static_cast<size_t>(count));
        CHECK(file.metadata.size() == static_cast<size_t>(count));
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    seconds_for(1'000);
    // Quadratic, it would take a hundred times as long; ten is linear, and machines are busy.
    CHECK(seconds_for(100'000) < 40.0 * seconds_for(10'000));
}

TEST_CASE("a model's state goes to PyTorch's layout and back without a change") {
    const Placement placement{DType::f32, Device::reference};
    nn::Sequential model;
    model.append<nn::Conv2d>(nn::Conv2dOptions{.in_channels = 3, .out_channels = 4}, placement);
    model.append<nn::Conv2d>(nn::Conv2dOptions{.in_channels = 4, .out_channels = 4, .groups = 4}, placement);
    model.append<nn::Conv2d>(nn::Conv2dOptions{.in_channels = 4, .out_channels = 6, .kernel = 1}, placement);
    model.append<nn::BatchNorm2d>(6, placement);
    nn::LinearOptions linear = nn::LinearOptions::torch_default(24, 5);
    linear.unflattened = {2, 2, 6};
    model.append<nn::Linear>(linear, placement);
    nn::initialise(model, 1);
    const SafeTensors state = model_state(model);
    CHECK(state.at("0.weight").shape == Shape{4, 3, 3, 3});
    CHECK(state.at("1.weight").shape == Shape{4, 1, 3, 3});
    CHECK(state.at("2.weight").shape == Shape{6, 4, 1, 1});
    CHECK(state.at("3.num_batches_tracked").dtype == "I64");

    // PyTorch's element [o, i, y, x] is ours [o, y, x, i].
    const std::vector<double> theirs = state.at("0.weight").values();
    const std::vector<double> ours = model.state().front().value().to_host<double>();
    CHECK(theirs[((1 * 3 + 2) * 3 + 0) * 3 + 1] == ours[((1 * 3 + 0) * 3 + 1) * 3 + 2]);
    // PyTorch flattens [c, y, x], we [y, x, c].
    const std::vector<double> flat_theirs = state.at("4.weight").values();
    const std::vector<double> flat_ours = model.trainable()[8].value().to_host<double>();
    CHECK(flat_theirs[24 + (5 * 2 + 1) * 2 + 0] == flat_ours[24 + (1 * 2 + 0) * 6 + 5]);

    nn::initialise(model, 2);
    load_model_state(model, state, "memory");
    const SafeTensors again = model_state(model);
    for (const SafeTensor& tensor : state.tensors) CHECK(again.at(tensor.name).bytes == tensor.bytes);
}

TEST_CASE("a state of another model is refused and changes nothing") {
    const Placement placement{DType::f32, Device::reference};
    nn::Sequential model;
    model.append<nn::Linear>(nn::LinearOptions::torch_default(3, 2), placement);
    nn::initialise(model, 1);
    const SafeTensors good = model_state(model);
    const auto refused = [&](const SafeTensors& state) {
        CHECK_THROWS_AS(load_model_state(model, state, "file"), Error);
        CHECK(model_state(model).at("0.weight").bytes == good.at("0.weight").bytes);
    };
    SafeTensors missing = good;
    missing.tensors.pop_back();
    refused(missing);
    SafeTensors extra = good;
    extra.tensors.push_back(SafeTensor::f32("1.weight", {}, std::vector<double>{1.0}));
    refused(extra);
    SafeTensors reshaped = good;
    reshaped.tensors[0].shape = {3, 2};
    refused(reshaped);
    SafeTensors bytes = good;
    bytes.tensors[1].dtype = "U8";
    refused(bytes);
}

TEST_CASE("values that a model cannot have are refused with the name of their tensor") {
    const Placement placement{DType::f32, Device::reference};
    nn::Sequential model;
    model.append<nn::BatchNorm2d>(2, placement);
    nn::initialise(model, 1);
    const SafeTensors good = model_state(model);
    const auto error_with = [&](const char* name, double value) -> std::string {
        SafeTensors state = good;
        for (SafeTensor& tensor : state.tensors) {
            if (tensor.name != name) continue;
            std::vector<double> values = tensor.values();
            values.back() = value;
            tensor = SafeTensor::f64(name, tensor.shape, values);
        }
        try {
            load_model_state(model, state, "file");
        } catch (const Error& error) {
            CHECK(model_state(model).at("0.weight").bytes == good.at("0.weight").bytes);
            return error.what();
        }
        return "";
    };
    const double infinity = std::numeric_limits<double>::infinity();
    for (const char* name :
         {"0.weight", "0.bias", "0.running_mean", "0.running_var", "0.num_batches_tracked"}) {
        for (const double value : {std::nan(""), infinity, -infinity}) {
            CAPTURE(name);
            CHECK(error_with(name, value).starts_with(fmt::format("file: tensor {} holds ", name)));
        }
    }
    CHECK(error_with("0.running_var", -1e-9) ==
          "file: tensor 0.running_var holds -1e-09, but cannot be below 0");
    CHECK(error_with("0.weight", 1e39) == "file: tensor 0.weight holds 1e+39, which is no finite f32 number");
    CHECK(error_with("0.running_mean", -1e38) == "");
    CHECK(error_with("0.running_var", 0.0) == "");
}

TEST_CASE("half floats of both kinds have the values that IEEE 754 and bfloat16 give them") {
    const auto values = [](const char* dtype, std::vector<uint16_t> bits) {
        std::string bytes(2 * bits.size(), '\0');
        std::memcpy(bytes.data(), bits.data(), bytes.size());
        return SafeTensor{"half", dtype, {static_cast<int64_t>(bits.size())}, bytes}.values();
    };
    const double infinity = std::numeric_limits<double>::infinity();
    // 1, −2, the largest, the smallest, the smallest normal one, 1/3 rounded, zeros.
    CHECK(values("F16", {0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x3555, 0x0000, 0xfc00}) ==
          std::vector<double>{1.0, -2.0, 65504.0, std::ldexp(1.0, -24), std::ldexp(1.0, -14), 0.333251953125,
                              0.0, -infinity});
    CHECK(std::isnan(values("F16", {0x7e00})[0]));
    CHECK(values("BF16", {0x3f80, 0xc000, 0x7f7f, 0x0001, 0x3eab, 0x8000, 0x7f80}) ==
          std::vector<double>{1.0, -2.0, 0x1.fep127, std::ldexp(1.0, -133), 0.333984375, 0.0, infinity});
    CHECK(SafeTensor{"half", "BF16", {}, "ab"}.is_number());
    CHECK(!SafeTensor{"bytes", "U8", {2}, "ab"}.is_number());
}
