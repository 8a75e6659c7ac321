// The stand-in cuBLAS: products of matrices that are stored by columns.

#include "kernels/simt/memory.h"
#include "tests/vendor/stand_in/cublas_v2.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/vendor/stand_in/arithmetic.h"
#include "tests/vendor/stand_in/calls.h"
#include "tests/vendor/stand_in/memory.h"

struct cublasContext {
    bool has_stream = false;
    cudaStream_t stream = nullptr;
    cublasMath_t math = CUBLAS_DEFAULT_MATH;
    void* workspace = nullptr;
    size_t workspace_bytes = 0;
};

namespace vitrine::stand_in {
namespace {

std::mutex mutex;
std::vector<std::unique_ptr<cublasContext>> handles;

void require(bool condition, cublasStatus_t status, const std::string& sentence) {
    if (!condition) throw Wrong{status, sentence};
}

void require_alive(cublasHandle_t handle) {
    const std::lock_guard lock(mutex);
    const bool alive = std::ranges::any_of(handles, [&](const auto& mine) { return mine.get() == handle; });
    require(alive, CUBLAS_STATUS_NOT_INITIALIZED, "the handle is not one that cublasCreate made");
}

/// A matrix as an argument names it: stored by columns that lie `lead` elements apart.
struct Matrix {
    std::string name;
    const void* memory;
    int64_t rows, columns, lead;

    int64_t count() const { return (columns - 1) * lead + rows; }
    int64_t at(int64_t row, int64_t column) const { return row + column * lead; }
};

template <class T>
void require_matrix(const Matrix& matrix) {
    require(matrix.lead >= std::max<int64_t>(1, matrix.rows), CUBLAS_STATUS_INVALID_VALUE,
            "the leading dimension of " + matrix.name + " is " + std::to_string(matrix.lead) +
                ", less than its " + std::to_string(matrix.rows) + " rows");
    const std::string wrong = wrong_device_memory(
        matrix.memory, static_cast<size_t>(matrix.count()) * sizeof(T), sizeof(T), matrix.name);
    require(wrong.empty(), CUBLAS_STATUS_EXECUTION_FAILED, wrong);
}

template <class T>
void require_apart(const Matrix& out, const Matrix& in) {
    require(!overlap(out.memory, static_cast<size_t>(out.count()) * sizeof(T), in.memory,
                     static_cast<size_t>(in.count()) * sizeof(T)),
            CUBLAS_STATUS_INVALID_VALUE, out.name + " and " + in.name + " share memory");
}

/// What a product multiplies, as the math mode has it.
template <class T>
std::vector<double> factors(const Matrix& matrix, cublasMath_t math) {
    const T* values = static_cast<const T*>(matrix.memory);
    std::vector<double> result(values, values + matrix.count());
    if constexpr (sizeof(T) == 4) {
        if (math == CUBLAS_TF32_TENSOR_OP_MATH || math == CUBLAS_TENSOR_OP_MATH) {
            for (double& value : result) value = as_tf32(static_cast<float>(value));
        }
    }
    return result;
}

void require_operation(cublasOperation_t operation, const std::string& what) {
    require(operation == CUBLAS_OP_N || operation == CUBLAS_OP_T || operation == CUBLAS_OP_C,
            CUBLAS_STATUS_INVALID_VALUE, "there is no such operation on " + what);
}

template <class T>
void gemm(cublasHandle_t handle, cublasOperation_t of_a, cublasOperation_t of_b, int m, int n, int k,
          const T* alpha, const T* a, int lda, const T* b, int ldb, const T* beta, T* c, int ldc) {
    require_alive(handle);
    require(handle->has_stream, CUBLAS_STATUS_EXECUTION_FAILED,
            "the handle was given no stream: it would work on the default one, which does not wait for the "
            "program's");
    require_operation(of_a, "A");
    require_operation(of_b, "B");
    require(m >= 0 && n >= 0 && k >= 0, CUBLAS_STATUS_INVALID_VALUE, "m, n and k must not be negative");
    for (const auto& [factor, name] : {std::pair{alpha, "alpha"}, std::pair{beta, "beta"}}) {
        const std::string wrong = wrong_host_memory(factor, name);
        require(wrong.empty(), CUBLAS_STATUS_INVALID_VALUE, wrong);
    }
    if (m == 0 || n == 0) return;
    const bool plain_a = of_a == CUBLAS_OP_N, plain_b = of_b == CUBLAS_OP_N;
    const Matrix left{"A", a, plain_a ? m : k, plain_a ? k : m, lda};
    const Matrix right{"B", b, plain_b ? k : n, plain_b ? n : k, ldb};
    const Matrix result{"C", c, m, n, ldc};
    for (const Matrix* matrix : {&left, &right, &result}) require_matrix<T>(*matrix);
    require_apart<T>(result, left);
    require_apart<T>(result, right);
    const simt::LibraryCall working(handle->stream);
    if (handle->workspace_bytes > 0) {
        const size_t used = std::min<size_t>(handle->workspace_bytes, 4096);
        const std::string wrong = wrong_device_memory(handle->workspace, used, 256, "the workspace");
        require(wrong.empty(), CUBLAS_STATUS_EXECUTION_FAILED, wrong);
        scribble(handle->workspace, used);
    }
    const std::vector<double> as = factors<T>(left, handle->math), bs = factors<T>(right, handle->math);
    for (int64_t j = 0; j < n; ++j)
        for (int64_t i = 0; i < m; ++i) {
            double sum = 0;
            for (int64_t p = 0; p < k; ++p)
                sum += as[static_cast<size_t>(plain_a ? left.at(i, p) : left.at(p, i))] *
                       bs[static_cast<size_t>(plain_b ? right.at(p, j) : right.at(j, p))];
            blend(c[result.at(i, j)], sum, *alpha, *beta);
        }
}

}  // namespace
}  // namespace vitrine::stand_in

using namespace vitrine;
using namespace vitrine::stand_in;

cublasStatus_t cublasCreate_v2(cublasHandle_t* handle) {
    return call<cublasStatus_t>("cublasCreate_v2", [&] {
        require(handle != nullptr, CUBLAS_STATUS_INVALID_VALUE, "the place for the handle is null");
        const std::lock_guard lock(mutex);
        *handle = handles.emplace_back(std::make_unique<cublasContext>()).get();
    });
}

cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
    return call<cublasStatus_t>("cublasSetStream_v2", [&] {
        require_alive(handle);
        handle->has_stream = true;
        handle->stream = stream;
        // A new stream takes the workspace away.
        handle->workspace = nullptr;
        handle->workspace_bytes = 0;
    });
}

cublasStatus_t cublasGetVersion_v2(cublasHandle_t handle, int* version) {
    return call<cublasStatus_t>("cublasGetVersion_v2", [&] {
        require_alive(handle);
        *version = 130100;
    });
}

cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode) {
    return call<cublasStatus_t>("cublasSetMathMode", [&] {
        require_alive(handle);
        require(mode >= CUBLAS_DEFAULT_MATH && mode <= CUBLAS_TF32_TENSOR_OP_MATH,
                CUBLAS_STATUS_INVALID_VALUE, "there is no such math mode");
        handle->math = mode;
    });
}

cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t handle, void* workspace, size_t bytes) {
    return call<cublasStatus_t>("cublasSetWorkspace_v2", [&] {
        require_alive(handle);
        const std::string wrong = wrong_device_memory(workspace, bytes, 256, "the workspace");
        require(wrong.empty(), CUBLAS_STATUS_NOT_SUPPORTED, wrong);
        handle->workspace = workspace;
        handle->workspace_bytes = bytes;
    });
}

/// cuBLAS has no other place for a sentence.
const char* cublasGetStatusString(cublasStatus_t status) {
    static thread_local std::string text;
    text = "CUBLAS_STATUS_UNKNOWN";
    switch (status) {
#define VITRINE_NAME(name, value) \
    case name:                    \
        text = #name;             \
        break;
        VITRINE_CUBLAS_STATUS(VITRINE_NAME)
#undef VITRINE_NAME
    }
    if (status != CUBLAS_STATUS_SUCCESS) text += ": " + last_sentence();
    return text.c_str();
}

cublasStatus_t cublasSgemm_v2(cublasHandle_t handle, cublasOperation_t of_a, cublasOperation_t of_b, int m,
                              int n, int k, const float* alpha, const float* a, int lda, const float* b,
                              int ldb, const float* beta, float* c, int ldc) {
    return call<cublasStatus_t>(
        "cublasSgemm_v2", [&] { gemm(handle, of_a, of_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc); });
}

cublasStatus_t cublasDgemm_v2(cublasHandle_t handle, cublasOperation_t of_a, cublasOperation_t of_b, int m,
                              int n, int k, const double* alpha, const double* a, int lda, const double* b,
                              int ldb, const double* beta, double* c, int ldc) {
    return call<cublasStatus_t>(
        "cublasDgemm_v2", [&] { gemm(handle, of_a, of_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc); });
}
