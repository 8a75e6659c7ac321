// bench scale: what it takes on its command line, what is really sent, and what it prints.

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "engine/step/step.h"
#include "lab/bench/predict_step.h"
#include "lab/bench/scale_report.h"
#include "models/models.h"
#include "tests/tools/program.h"

namespace vitrine::tools {
namespace {

using doctest::Approx;

ScaleBenchOptions small_scale() {
    ScaleBenchOptions options;
    options.step.image_size = 32;
    options.step.batch_size = 8;
    options.step.classes = 10;
    options.step_milliseconds = {20.0};
    return options;
}

}  // namespace

TEST_CASE("networks are told in bits or bytes, latencies in any unit of time") {
    CHECK(parse_bandwidth("--network", "100Gbit") == Approx(12.5e9));
    CHECK(parse_bandwidth("--network", "2.5Gbit/s") == Approx(312.5e6));
    CHECK(parse_bandwidth("--network", "100Mbit") == Approx(12.5e6));
    CHECK(parse_bandwidth("--network", "900GB/s") == Approx(900e9));
    CHECK(parse_bandwidth("--network", "40MB/s") == Approx(40e6));
    CHECK(parse_latency("--latency", "5us") == Approx(5e-6));
    CHECK(parse_latency("--latency", "0.1ms") == Approx(1e-4));
    CHECK(parse_latency("--latency", "800ns") == Approx(8e-7));
    CHECK(parse_latency("--latency", "0s") == 0.0);
}

TEST_CASE("ranks double from the first to the last, which is always among them") {
    CHECK(parse_ranks("--ranks", "1..8") == std::vector<int64_t>{1, 2, 4, 8});
    CHECK(parse_ranks("--ranks", "3..10") == std::vector<int64_t>{3, 6, 10});
    CHECK(parse_ranks("--ranks", "48") == std::vector<int64_t>{48});
    CHECK(parse_ranks("--ranks", "5..5") == std::vector<int64_t>{5});
    CHECK(parse_milliseconds("--step-ms", "94,1.5,1e2") == std::vector<double>{94.0, 1.5, 100.0});
}

TEST_CASE("what a step sends is what its gradients and statistics take") {
    const ScaleBenchResult result = bench_scale(small_scale());
    const auto model =
        models::make_model("mobilenet_v2", {.classes = 10, .image_size = 32}, {DType::f32, Device::cpu}, 1);
    TrainingStep step(*model, {}, 0.0);
    const ExchangedBytes& bytes = result.cases.front().bytes;
    CHECK(bytes.gradients == static_cast<double>(step.state().gradients().bytes()));
    CHECK(bytes.gradients + bytes.statistics == static_cast<double>(step.state().values().bytes()));
    CHECK(bytes.statistics > 0.0);

    ScaleBenchOptions half = small_scale();
    half.step.precision = DType::bf16;  // whose gradients are f32
    CHECK(bench_scale(half).cases.front().bytes.gradients == bytes.gradients);
}

TEST_CASE("the images of a batch are read as they lie in the packed cache") {
    const ScaleBenchResult result = bench_scale(small_scale());
    CHECK(result.reading.image_bytes == 32.0 * 32.0 * 3.0);
    CHECK(result.reading.bandwidth == 3e9);
}

TEST_CASE("a predicted GPU has a best and a worst case, those of bench step --predict") {
    ScaleBenchOptions options = small_scale();
    options.step_milliseconds.clear();
    options.step.predict_for = &gpu_from_name("h100");
    options.deviation = 0.0;
    options.ranks = {1};
    const ScaleBenchResult result = bench_scale(options);
    const PredictedTime time = predict_step(options.step).total.time;
    REQUIRE(result.cases.size() == 2);
    CHECK(result.cases[0].rows[0].today.step_seconds == Approx(time.best));
    CHECK(result.cases[1].rows[0].today.step_seconds == Approx(time.worst));
    for (const ScaleCase& each : result.cases) {
        CHECK(each.process.backward_share > 0.4);
        CHECK(each.process.backward_share < 0.8);
    }
}

TEST_CASE("measured steps are drawn from as they are") {
    ScaleBenchOptions options = small_scale();
    options.step_milliseconds.clear();
    options.step.steps = 3;
    options.ranks = {1, 8};
    const ScaleCase each = bench_scale(options).cases.front();
    CHECK(each.process.seconds.size() == 3);
    CHECK(each.process.backward_share > 0.2);
    CHECK(each.process.backward_share < 0.9);
    CHECK(each.bytes.add_bandwidth < 1e13);
    const auto [least, most] = std::ranges::minmax(each.process.seconds);
    CHECK(each.rows[0].today.step_seconds >= least);
    const double whole = halves_seconds(8, each.bytes, options.network);
    CHECK(each.rows[1].could_be.step_seconds <=
          most + exposed_seconds(whole, 8, each.bytes, options.network, 0.0));
}

TEST_CASE("what is printed says that it is no measurement, and what breaks first at 8, 64 and 512") {
    const ScaleBenchOptions options = small_scale();
    const ScaleBenchResult result = bench_scale(options);
    const std::string text = format_scale(options, result);
    CHECK(text.starts_with("a prediction, not a measurement: "));
    for (const char* part : {"\n      8 processes", "\n     64 processes", "\n    512 processes",
                             "breaks first: ", "Assumed: ", "told, scattered by 2%"})
        CHECK_MESSAGE(text.find(part) != std::string::npos, part);
    for (const char* part : {"from GPU to GPU", "are refused today"})
        CHECK_MESSAGE(text.find(part) == std::string::npos, part);

    ScaleBenchOptions many = options;
    many.ranks = {1, 1024};
    CHECK(format_scale(many, bench_scale(many)).find("More than 512 processes are refused today") !=
          std::string::npos);

    ScaleBenchOptions few = options;
    few.ranks = {1, 2, 4};
    const std::string short_text = format_scale(few, bench_scale(few));
    CHECK(short_text.find("breaks first") == std::string::npos);
}

TEST_CASE("bench scale --json prints one object with a row for each number of processes") {
    const tests::Outcome outcome =
        tests::run("bench", {"scale", "--step-ms", "90,110", "--ranks", "1..6", "--network", "1Gbit",
                             "--latency", "0us", "--image-size", "32", "--batch-size", "16", "--json"});
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    const auto json = nlohmann::json::parse(outcome.out);
    CHECK(json["what"] == "prediction");
    CHECK(json["bytes_per_second"] == 1.25e8);
    const auto& only = json["cases"][0];
    CHECK(only["step_seconds_mean"].get<double>() == Approx(0.1));
    REQUIRE(only["rows"].size() == 4);
    CHECK(only["rows"][3]["ranks"] == 6);
    const auto& row = only["rows"][1];
    CHECK(row["today"]["imagenet_days"].get<double>() ==
          Approx(1'281'167.0 * 300.0 / row["today"]["images_per_second"].get<double>() / 86400.0));
    CHECK(row["today"]["images_per_second"] < row["could_be"]["images_per_second"]);
    CHECK(row["today"]["breaks_first"] == "sending");
}

TEST_CASE("bench scale refuses what cannot be in one sentence, with exit code 2") {
    struct Case {
        std::vector<std::string> arguments;
        const char* part;
    };
    const char* const rate = "a rate is needed, as 100Gbit";
    const char* const latency = "a time is needed, as 800ns, 5us or 0.1ms";
    const char* const ranks = "a whole number from 1 to 4096 is needed";
    const Case cases[] = {
        {{"--ranks", "512..1"}, "--ranks 512..1: the smaller number comes first"},
        {{"--ranks", "0"}, ranks},
        {{"--ranks", "1.5..4"}, ranks},
        {{"--ranks", "1.."}, ranks},
        {{"--ranks", "1..99999999999999999999"}, ranks},
        {{"--ranks", "8192"}, ranks},
        {{"--network", "fast"}, rate},
        {{"--network", "100"}, rate},
        {{"--network", "0Gbit"}, rate},
        {{"--network", "-1Gbit"}, rate},
        {{"--network", "nanGbit"}, rate},
        {{"--network", "1e300GB/s"}, rate},
        {{"--network", "10 Gbit"}, rate},
        {{"--reading", "0GB/s"}, rate},
        {{"--latency", "5"}, latency},
        {{"--latency", "-5us"}, latency},
        {{"--latency", "nanus"}, latency},
        {{"--latency", "2s"}, latency},
        {{"--step-ms", "nan"}, "--step-ms nan: a number from"},
        {{"--step-ms", "0"}, "--step-ms 0: a number from"},
        {{"--step-ms", "5,,6"}, "--step-ms : a number from"},
        {{"--step-ms", "5", "--predict", "h100"}, "excludes"},
        {{"--failure-hours", "0"}, "--failure-hours 0: a number from 1"},
        {{"--checkpoint-minutes", "0"}, "--checkpoint-minutes 0: a number from 0.1"},
        {{"--restart-minutes", "-1"}, "--restart-minutes -1: a number from 0"},
        {{"--deviation", "inf"}, "--deviation inf: a number from 0 to 0.3"},
        {{"--predict", "voodoo2"}, "choose one of t4"},
    };
    for (const Case& c : cases) {
        std::vector<std::string> arguments{"scale"};
        arguments.insert(arguments.end(), c.arguments.begin(), c.arguments.end());
        const tests::Outcome outcome = tests::run("bench", arguments);
        CAPTURE(outcome.err);
        CHECK(outcome.code == 2);
        CHECK(outcome.out.empty());
        CHECK(outcome.err.starts_with("bench: "));
        CHECK_MESSAGE(outcome.err.find(c.part) != std::string::npos, c.part);
        CHECK(std::ranges::count(outcome.err, '\n') == 1);
    }
}

TEST_CASE("a run whose failures leave nothing trains for ever") {
    ScaleBenchOptions options = small_scale();
    options.failure_hours = 1.0;
    options.restart_minutes = 100'000.0;
    options.ranks = {8};
    const ScaleBenchResult result = bench_scale(options);
    CHECK(result.cases.front().rows.front().today.images_per_second == 0.0);
    CHECK(format_scale(options, result).find("in for ever today") != std::string::npos);
    const auto json = nlohmann::json::parse(format_scale_json(options, result));
    CHECK(json["cases"][0]["rows"][0]["today"]["imagenet_days"].is_null());
}

}  // namespace vitrine::tools
