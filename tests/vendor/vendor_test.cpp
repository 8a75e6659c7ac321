// cuDNN's and cuBLAS's implementations on the simt device, over stand-ins of both libraries: each takes what
// it should and computes what ours do, in gradcheck and in whole training steps.

#include <dlfcn.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "engine/checkpoint.h"
#include "engine/step/step.h"
#include "kernels/autotune.h"
#include "kernels/cuda/vendor/available.h"
#include "kernels/device_identity.h"
#include "kernels/error.h"
#include "kernels/kernels.h"
#include "kernels/preferred.h"
#include "kernels/simt/launch.h"
#include "lab/common/random_batch.h"
#include "models/models.h"
#include "tests/error_of.h"
#include "tests/tools/program.h"
#include "tools/common/host_batch.h"

namespace vitrine::tests {
namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// Prefers implementations for as long as a scope lasts.
class Preferred {
  public:
    explicit Preferred(const char* names) { force_implementation(Device::simt, names); }
    ~Preferred() { prefer_implementations(Device::simt, {}); }
    Preferred(const Preferred&) = delete;
    Preferred& operator=(const Preferred&) = delete;
};

/// How often the stand-in has been asked for this.
long calls(const char* library, const char* function) {
    void* const loaded = dlopen(library, RTLD_NOW | RTLD_NOLOAD);
    if (loaded == nullptr) return 0;
    return reinterpret_cast<long (*)(const char*)>(dlsym(loaded, "vitrine_stand_in_calls"))(function);
}

struct Trained {
    std::vector<double> losses;
    std::vector<SafeTensor> state;
};

/// Two steps of a small model, in f64: in f32 the order of sums alone moves batches of four far apart.
Trained train(const std::string& name, int64_t size, bool fused) {
    const Placement placement{DType::f64, Device::simt};
    const models::ModelOptions options{.classes = 5, .image_size = size, .variant = {.width_mult = 0.25}};
    const auto model = models::make_model(name, options, placement, 3);
    model->set_fused(fused);
    TrainingStep step(*model, {.momentum = 0.9, .weight_decay = 1e-4}, 0.1);
    const tools::RandomBatch batch(4, size, options.classes);
    const NetworkInput input =
        tools::upload({batch.images, batch.labels, size}, {{0.5, 0.5, 0.5}, {0.25, 0.25, 0.25}}, placement);
    Trained trained;
    for (uint32_t i = 0; i < 2; ++i) {
        step.accumulate(input, 1, i);
        step.update({.learning_rate = 0.05});
        trained.losses.push_back(step.read().batches.front().loss);
    }
    trained.state = model_state(*model).tensors;
    return trained;
}

/// Root mean square. Not relative: means of what was centred before are nothing but rounding.
double difference(const SafeTensor& a, const SafeTensor& b) {
    const std::vector<double> left = a.values(), right = b.values();
    double square = 0;
    for (size_t i = 0; i < left.size(); ++i) square += std::pow(left[i] - right[i], 2);
    return std::sqrt(square / static_cast<double>(left.size()));
}

void compare_training(const std::string& model, int64_t size, bool fused, double tolerance) {
    simt::set_settings({.check = false});
    const Trained own = train(model, size, fused);
    const Preferred preferred("cudnn,cublas");
    const Trained libraries = train(model, size, fused);
    for (size_t i = 0; i < own.losses.size(); ++i)
        CHECK(libraries.losses[i] == doctest::Approx(own.losses[i]).epsilon(tolerance));
    REQUIRE(libraries.state.size() == own.state.size());
    for (size_t i = 0; i < own.state.size(); ++i)
        CHECK_MESSAGE(difference(libraries.state[i], own.state[i]) < tolerance, own.state[i].name);
}

/// "linear_forward cublas", for each kernel and library.
std::set<std::string> library_implementations() {
    std::set<std::string> listed;
    for_each_kernel(Device::simt, [&](const auto& kernel) {
        for (const auto& implementation : kernel->implementations()) {
            const std::string name = implementation.name;
            if (is_gpu_library(name)) listed.insert(kernel->name() + (" " + name));
        }
    });
    return listed;
}

}  // namespace

TEST_CASE("every library implementation but one passes gradcheck, and none is asked for what it cannot do") {
    std::vector<std::string> arguments{"--device", "simt", "--impl", "cudnn,cublas", "--json"};
    // With the sanitizers all of it takes minutes.
    if (sanitized) arguments.insert(arguments.end(), {"--shape", "7"});
    const Outcome outcome = run("gradcheck_vendor", arguments);
    CHECK(outcome.code == 0);
    std::set<std::string> passed;
    for (const std::string& text : outcome.lines()) {
        const nlohmann::json line = nlohmann::json::parse(text);
        if (!line.contains("status")) continue;
        CHECK_MESSAGE(line["status"] != "FAIL", text);
        CHECK_MESSAGE(!holds(text, "cuDNN does not take"), text);
        CHECK_MESSAGE(!holds(text, "cuDNN has no algorithm"), text);
        if (line["status"] == "ok")
            passed.insert(line["op"].get<std::string>() + " " + line["implementation"].get<std::string>());
    }
    std::set<std::string> listed = library_implementations();
    CHECK(listed.erase("max_pool_backward cudnn") == 1);
    CHECK(listed.size() == 17);
    CHECK(passed == listed);
}

TEST_CASE("steps of basic_block_net on the libraries are steps on our own kernels") {
    compare_training("basic_block_net", 32, /*fused=*/false, 1e-9);
    for (const char* function :
         {"cudnnConvolutionForward", "cudnnConvolutionBackwardData", "cudnnConvolutionBackwardFilter",
          "cudnnBatchNormalizationForwardTraining", "cudnnBatchNormalizationBackward", "cudnnPoolingForward",
          "cudnnPoolingBackward"}) {
        CHECK_MESSAGE(calls("libcudnn.so.9", function) > 0, function);
    }
    CHECK(calls("libcublas.so.13", "cublasDgemm_v2") > 0);
}

TEST_CASE(
    "fused steps on the libraries, which know neither prologue nor statistics, are steps on our own "
    "kernels") {
    compare_training("basic_block_net", 32, /*fused=*/true, 1e-9);
}

TEST_CASE("steps of mobilenet_v2 on the libraries are steps on our own kernels") {
    // Its last batch norms are over four values, whose spread is at times hardly more than epsilon: dividing
    // by it makes rounding a thousand times larger.
    compare_training("mobilenet_v2", 32, /*fused=*/false, 1e-5);
}

TEST_CASE("autotune: the libraries are tried beside our own kernels, and told by their versions") {
    CHECK(device_identity(Device::simt) == "the executor of this host, cuDNN 91400, cuBLAS 130100");
    simt::set_settings({.check = false});
    const Trained own = train("basic_block_net", 32, /*fused=*/false);
    std::set<std::string> tried, faults;
    {
        const Autotune autotune(listed_kernels(Device::simt), Device::simt, {}, [&](const TunedCall& call) {
            for (const TriedImplementation& each : call.tried) {
                tried.insert(call.kernel + " " + each.name);
                if (!each.fault.empty()) faults.insert(call.kernel + " " + each.name + ": " + each.fault);
            }
        });
        const Trained tuned = train("basic_block_net", 32, /*fused=*/false);
        for (size_t i = 0; i < own.losses.size(); ++i)
            CHECK(tuned.losses[i] == doctest::Approx(own.losses[i]).epsilon(1e-9));
    }
    for (const char* library :
         {"dense_conv_forward cudnn", "dense_conv_backward cudnn", "batch_norm_forward cudnn",
          "batch_norm_backward cudnn", "average_pool_forward cudnn", "linear_forward cublas",
          "linear_backward cublas"})
        CHECK_MESSAGE(tried.contains(library), std::string(library));
    for (const std::string& fault : faults) FAIL_CHECK(fault);
}

TEST_CASE("a preferred library runs where it takes the arguments, the next one or ours where not") {
    const auto chosen = [](bool training) {
        BatchNormForward args;
        args.training = training;
        args.rows = 4;
        args.channels = 4;
        return std::string(kernels(Device::simt).batch_norm_forward->choose(args, Device::simt).name);
    };
    const std::string own = chosen(true);
    CHECK(own != "cudnn");
    const auto product = [] {
        LinearForward args;
        args.rows = args.in_features = args.out_features = 3;
        return std::string(kernels(Device::simt).linear_forward->choose(args, Device::simt).name);
    };
    {
        const Preferred cudnn("cudnn");
        CHECK(chosen(true) == "cudnn");
        CHECK(chosen(false) == own);
        CHECK(product() != "cublas");
    }
    {
        const Preferred both("cudnn,cublas");
        CHECK(chosen(true) == "cudnn");
        CHECK(product() == "cublas");
        force_implementation(Device::simt, "batch_norm_forward=naive");
        CHECK(chosen(true) == "naive");
        force_implementation(Device::simt, "batch_norm_forward=");
    }
    CHECK(chosen(true) == own);
}

TEST_CASE("in a process whose cuDNN cannot start: to prefer it is an error with the reason" *
          doctest::skip()) {
    const Preferred cudnn("cudnn");
    CHECK(error_of([] { start_preferred_libraries(Device::simt); }) ==
          "--impl cudnn: it cannot be used here: it cannot start: CUDNN_STATUS_NOT_INITIALIZED: a test wants "
          "this to fail");
}

TEST_CASE("programs do not fall back in silence from a preferred library that cannot start") {
    const Outcome outcome =
        run_script("VITRINE_STAND_IN_FAILS=cudnnCreate=1001 vendor_tests --no-skip -tc='in a process*'");
    CHECK_MESSAGE(outcome.code == 0, outcome.out);
    CHECK(holds(outcome.out, "1 passed"));
    const Preferred both("cudnn,cublas");
    CHECK(error_of([] { start_preferred_libraries(Device::simt); }) == "no error");
}

TEST_CASE("--impl with a name that no kernel has lists what there is") {
    const std::string message = error_of([] { force_implementation(Device::simt, "cudnn,cublass"); });
    prefer_implementations(Device::simt, {});
    CHECK(holds(message, "--impl cublass"));
    CHECK(holds(message, "cublas,"));
    CHECK(holds(message, "op=implementation"));
}

}  // namespace vitrine::tests
