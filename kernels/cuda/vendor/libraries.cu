// Finds cuDNN and cuBLAS at run time, keeps their handles and puts their errors into words.

#include "kernels/cuda/vendor/libraries.h"

#include <dlfcn.h>

#include <string>

#include "kernels/error.h"

namespace vitrine::VITRINE_GPU::vendor {
namespace {

#define VITRINE_QUOTED(text) #text
#define VITRINE_SONAME(stem, major) stem ".so." VITRINE_QUOTED(major)

/// A shared library of which some functions are wanted. It is never closed: its handles live to the end.
class Library {
  public:
    /// By its name, as the system finds libraries, or else where it lay when this program was built.
    Library(const char* name, const char* built_with) {
        library_ = dlopen(name, RTLD_NOW | RTLD_LOCAL);
        if (library_ == nullptr) library_ = dlopen(built_with, RTLD_NOW | RTLD_LOCAL);
        if (library_ == nullptr) problem_ = std::string(name) + " cannot be loaded: " + dlerror();
    }

    template <class Function>
    void find(Function*& function, const char* name) {
        if (library_ == nullptr) return;
        function = reinterpret_cast<Function*>(dlsym(library_, name));
        if (function == nullptr && problem_.empty()) problem_ = std::string("it has no function ") + name;
    }

    const char* problem() const { return problem_.empty() ? nullptr : problem_.c_str(); }

  private:
    void* library_ = nullptr;
    std::string problem_;
};

template <class Functions>
struct Loaded {
    Library file;
    Functions functions;
};

#define VITRINE_FIND(name) loaded->file.find(loaded->functions.name, #name);

const Loaded<CudnnFunctions>& loaded_cudnn() {
    static const Loaded<CudnnFunctions>& library = []() -> Loaded<CudnnFunctions>& {
        auto* loaded = new Loaded<CudnnFunctions>{
            Library(VITRINE_SONAME("libcudnn", CUDNN_MAJOR), VITRINE_CUDNN_PATH), {}};
        VITRINE_CUDNN_FUNCTIONS(VITRINE_FIND)
        return *loaded;
    }();
    return library;
}

const Loaded<CublasFunctions>& loaded_cublas() {
    static const Loaded<CublasFunctions>& library = []() -> Loaded<CublasFunctions>& {
        auto* loaded = new Loaded<CublasFunctions>{
            Library(VITRINE_SONAME("libcublas", CUBLAS_VER_MAJOR), VITRINE_CUBLAS_PATH), {}};
        VITRINE_CUBLAS_FUNCTIONS(VITRINE_FIND)
        return *loaded;
    }();
    return library;
}

[[noreturn]] void throw_failure(const char* call, const char* file, int line, const std::string& reason) {
    throw Error(std::string(call) + " at " + file + ":" + std::to_string(line) + " failed: " + reason +
                "; try one of Vitrine's own implementations (gradcheck --device cuda --list names them)");
}

}  // namespace

const char* cudnn_problem() { return loaded_cudnn().file.problem(); }
const char* cublas_problem() { return loaded_cublas().file.problem(); }

const CudnnFunctions& cudnn() {
    if (cudnn_problem() != nullptr) throw Error(std::string("cuDNN cannot be used: ") + cudnn_problem());
    return loaded_cudnn().functions;
}

const CublasFunctions& cublas() {
    if (cublas_problem() != nullptr) throw Error(std::string("cuBLAS cannot be used: ") + cublas_problem());
    return loaded_cublas().functions;
}

cudnnHandle_t cudnn_handle() {
    static const cudnnHandle_t handle = [] {
        cudnnHandle_t made = nullptr;
        VITRINE_CUDNN(cudnnCreate, &made);
        VITRINE_CUDNN(cudnnSetStream, made, stream());
        return made;
    }();
    return handle;
}

cublasHandle_t cublas_handle() {
    static const cublasHandle_t handle = [] {
        cublasHandle_t made = nullptr;
        VITRINE_CUBLAS(cublasCreate_v2, &made);
        VITRINE_CUBLAS(cublasSetStream_v2, made, stream());
        // Products of f32 are f32: no TF32, no emulation.
        VITRINE_CUBLAS(cublasSetMathMode, made, CUBLAS_PEDANTIC_MATH);
        return made;
    }();
    return handle;
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
