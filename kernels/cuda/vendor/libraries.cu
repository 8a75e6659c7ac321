// Finds cuDNN and cuBLAS at run time, starts them and puts their errors into words.

#include "kernels/cuda/vendor/libraries.h"

#include "kernels/cuda/loaded_library.h"
#include "kernels/cuda/vendor/available.h"

namespace vitrine::VITRINE_GPU::vendor {
namespace {

template <class Functions>
struct Loaded {
    LoadedLibrary file;
    Functions functions;
};

#define VITRINE_FIND(name) loaded->file.find(loaded->functions.name, #name);

/// The parts of cuDNN that hold the functions used. Where one is missing, the first call into it ends the
/// process or fails, so they are asked for before any call.
constexpr const char* cudnn_parts[]{VITRINE_SONAME("libcudnn_graph", CUDNN_MAJOR),
                                    VITRINE_SONAME("libcudnn_ops", CUDNN_MAJOR),
                                    VITRINE_SONAME("libcudnn_cnn", CUDNN_MAJOR)};

const Loaded<CudnnFunctions>& loaded_cudnn() {
    static const Loaded<CudnnFunctions>& library = []() -> Loaded<CudnnFunctions>& {
        auto* loaded = new Loaded<CudnnFunctions>{
            LoadedLibrary(VITRINE_SONAME("libcudnn", CUDNN_MAJOR), VITRINE_CUDNN_PATH), {}};
        VITRINE_CUDNN_FUNCTIONS(VITRINE_FIND)
        for (const char* part : cudnn_parts) loaded->file.require_part(part);
        return *loaded;
    }();
    return library;
}

const Loaded<CublasFunctions>& loaded_cublas() {
    static const Loaded<CublasFunctions>& library = []() -> Loaded<CublasFunctions>& {
        auto* loaded = new Loaded<CublasFunctions>{
            LoadedLibrary(VITRINE_SONAME("libcublas", CUBLAS_VER_MAJOR), VITRINE_CUBLAS_PATH), {}};
        VITRINE_CUBLAS_FUNCTIONS(VITRINE_FIND)
        return *loaded;
    }();
    return library;
}

/// A library's handle, or why it has none.
template <class Handle>
struct Started {
    Handle handle = nullptr;
    std::string problem;
};

template <class Handle, class Start>
Started<Handle> start(const char* loading_problem, Start make) {
    Started<Handle> started;
    if (loading_problem != nullptr) {
        started.problem = loading_problem;
        return started;
    }
    try {
        make(started.handle);
    } catch (const LibraryFailure& failure) {
        started.problem = "it cannot start: " + failure.reason;
        // What the library left behind would be taken for the next launch's own.
        static_cast<void>(cudaGetLastError());
    }
    return started;
}

const Started<cudnnHandle_t>& started_cudnn() {
    static const auto& started =
        *new Started(start<cudnnHandle_t>(loaded_cudnn().file.problem(), [](cudnnHandle_t& handle) {
            VITRINE_CUDNN(cudnnCreate, &handle);
            VITRINE_CUDNN(cudnnSetStream, handle, stream());
        }));
    return started;
}

const Started<cublasHandle_t>& started_cublas() {
    static const auto& started =
        *new Started(start<cublasHandle_t>(loaded_cublas().file.problem(), [](cublasHandle_t& handle) {
            VITRINE_CUBLAS(cublasCreate_v2, &handle);
            VITRINE_CUBLAS(cublasSetStream_v2, handle, stream());
            // Products of f32 are f32: no TF32, no emulation.
            VITRINE_CUBLAS(cublasSetMathMode, handle, CUBLAS_PEDANTIC_MATH);
        }));
    return started;
}

void require_no(const char* problem, const char* library) {
    if (problem != nullptr) throw Error(std::string(library) + " cannot be used: " + problem);
}

[[noreturn]] void throw_failure(const char* call, const char* file, int line, const std::string& reason) {
    throw LibraryFailure(std::string(call) + " at " + file + ":" + std::to_string(line) +
                             " failed: " + reason +
                             "; try one of Vitrine's own implementations (gradcheck --device cuda "
                             "--list names them)",
                         reason);
}

const char* or_null(const std::string& problem) { return problem.empty() ? nullptr : problem.c_str(); }

}  // namespace

const char* cudnn_problem() { return or_null(started_cudnn().problem); }
const char* cublas_problem() { return or_null(started_cublas().problem); }

const char* loading_problem(std::string_view library) {
    if (library == "cudnn") return loaded_cudnn().file.problem();
    return library == "cublas" ? loaded_cublas().file.problem() : nullptr;
}

const char* library_problem(std::string_view library) {
    if (library == "cudnn") return cudnn_problem();
    return library == "cublas" ? cublas_problem() : nullptr;
}

std::string library_version(std::string_view library) {
    if (!is_gpu_library(library) || library_problem(library) != nullptr) return "";
    if (library == "cudnn") return std::to_string(cudnn().cudnnGetVersion());
    int version = 0;
    VITRINE_CUBLAS(cublasGetVersion_v2, cublas_handle(), &version);
    return std::to_string(version);
}

const CudnnFunctions& cudnn() {
    require_no(loaded_cudnn().file.problem(), "cuDNN");
    return loaded_cudnn().functions;
}

const CublasFunctions& cublas() {
    require_no(loaded_cublas().file.problem(), "cuBLAS");
    return loaded_cublas().functions;
}

cudnnHandle_t cudnn_handle() {
    require_no(cudnn_problem(), "cuDNN");
    return started_cudnn().handle;
}

cublasHandle_t cublas_handle() {
    require_no(cublas_problem(), "cuBLAS");
    return started_cublas().handle;
}

void require_success(cudnnStatus_t status, const char* call, const char* file, int line) {
    if (status == CUDNN_STATUS_SUCCESS) return;
    char details[512] = "";
    cudnn().cudnnGetLastErrorString(details, sizeof details);
    throw_failure(call, file, line,
                  std::string(cudnn().cudnnGetErrorString(status)) + (details[0] == 0 ? "" : ": ") + details);
}

void require_success(cublasStatus_t status, const char* call, const char* file, int line) {
    if (status == CUBLAS_STATUS_SUCCESS) return;
    throw_failure(call, file, line, cublas().cublasGetStatusString(status));
}

}  // namespace vitrine::VITRINE_GPU::vendor
