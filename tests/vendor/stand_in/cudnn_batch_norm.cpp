// The stand-in cuDNN's batch norm in training, channel by channel.

#include <cmath>

#include "kernels/simt/memory.h"
#include "tests/vendor/stand_in/arithmetic.h"
#include "tests/vendor/stand_in/cudnn_objects.h"
#include "tests/vendor/stand_in/memory.h"

namespace vitrine::stand_in {
namespace {

void require_mode(cudnnBatchNormMode_t mode) {
    require(mode == CUDNN_BATCHNORM_SPATIAL || mode == CUDNN_BATCHNORM_SPATIAL_PERSISTENT,
            CUDNN_STATUS_NOT_SUPPORTED, "the stand-in has the spatial modes alone");
}

void require_parameters(const cudnnTensorStruct& x, const cudnnTensorStruct& channels) {
    require(channels.n == 1 && channels.c == x.c && channels.h == 1 && channels.w == 1,
            CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH,
            "scale, bias, mean and variance must be described as 1 x C x 1 x 1");
    require(channels.type == x.type, CUDNN_STATUS_BAD_PARAM,
            "scale, bias, mean and variance must be double where x is, else float");
}

void require_same(const cudnnTensorStruct& x, const cudnnTensorStruct& other, const std::string& what) {
    require(other.type == x.type && other.format == x.format && other.n == x.n && other.c == x.c &&
                other.h == x.h && other.w == x.w,
            CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH, what + " must be described as x is");
}

void require_epsilon(double epsilon) {
    require(epsilon >= CUDNN_BN_MIN_EPSILON, CUDNN_STATUS_BAD_PARAM, "epsilon is below CUDNN_BN_MIN_EPSILON");
}

/// Calls visit(place) for every element of a channel.
template <class Visit>
void for_channel(const cudnnTensorStruct& x, int64_t channel, Visit visit) {
    for (int64_t n = 0; n < x.n; ++n)
        for (int64_t i = 0; i < x.h; ++i)
            for (int64_t j = 0; j < x.w; ++j) visit(x.at(n, channel, i, j));
}

struct Moments {
    double mean = 0;
    double squares = 0;  // Σ (x − mean)²
};

template <class T>
Moments moments_of(const cudnnTensorStruct& description, const T* x, int64_t channel) {
    Moments moments;
    const auto count = static_cast<double>(description.n * description.h * description.w);
    for_channel(description, channel,
                [&](int64_t at) { moments.mean += static_cast<double>(x[at]) / count; });
    for_channel(description, channel, [&](int64_t at) {
        moments.squares += std::pow(static_cast<double>(x[at]) - moments.mean, 2);
    });
    return moments;
}

template <class T>
void follow(T& running, double value, double factor) {
    running = static_cast<T>((1 - factor) * static_cast<double>(running) + factor * value);
}

}  // namespace
}  // namespace vitrine::stand_in

using namespace vitrine;
using namespace vitrine::stand_in;

cudnnStatus_t cudnnBatchNormalizationForwardTraining(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void* alpha, const void* beta,
    const cudnnTensorDescriptor_t x_descriptor, const void* x, const cudnnTensorDescriptor_t y_descriptor,
    void* y, const cudnnTensorDescriptor_t channels, const void* scale, const void* bias, double factor,
    void* running_mean, void* running_variance, double epsilon, void* saved_mean,
    void* saved_inverse_deviation) {
    return call<cudnnStatus_t>("cudnnBatchNormalizationForwardTraining", [&] {
        require_ready(handle);
        require_mode(mode);
        require_factors(alpha, beta);
        const cudnnTensorStruct& d = described(x_descriptor, "x's descriptor");
        require_same(d, described(y_descriptor, "y's descriptor"), "y");
        require_parameters(d, described(channels, "the parameters' descriptor"));
        require_epsilon(epsilon);
        require((running_mean == nullptr) == (running_variance == nullptr) &&
                    (saved_mean == nullptr) == (saved_inverse_deviation == nullptr),
                CUDNN_STATUS_BAD_PARAM, "mean and variance go together, running and saved");
        require_tensor(x, d.count(), d.type, "x");
        require_tensor(y, d.count(), d.type, "y");
        require_apart(y, d.count(), x, d.count(), d.type, "y and x");
        require_tensor(scale, d.c, d.type, "scale");
        require_tensor(bias, d.c, d.type, "bias");
        if (running_mean != nullptr) {
            require_tensor(running_mean, d.c, d.type, "the running mean");
            require_tensor(running_variance, d.c, d.type, "the running variance");
        }
        if (saved_mean != nullptr) {
            require_tensor(saved_mean, d.c, d.type, "the saved mean");
            require_tensor(saved_inverse_deviation, d.c, d.type, "the saved inverse deviation");
        }
        const simt::LibraryCall working(handle->stream);
        with_type(d.type, [&]<class T>() {
            const T* xs = static_cast<const T*>(x);
            const auto count = static_cast<double>(d.n * d.h * d.w);
            for (int64_t c = 0; c < d.c; ++c) {
                const Moments moments = moments_of(d, xs, c);
                const double rstd = 1 / std::sqrt(moments.squares / count + epsilon);
                const auto weight = static_cast<double>(static_cast<const T*>(scale)[c]);
                const auto shift = static_cast<double>(static_cast<const T*>(bias)[c]);
                for_channel(d, c, [&](int64_t at) {
                    const double value = (static_cast<double>(xs[at]) - moments.mean) * rstd * weight + shift;
                    blend(static_cast<T*>(y)[at], value, *static_cast<const T*>(alpha),
                          *static_cast<const T*>(beta));
                });
                if (running_mean != nullptr) {
                    follow(static_cast<T*>(running_mean)[c], moments.mean, factor);
                    follow(static_cast<T*>(running_variance)[c], moments.squares / (count - 1), factor);
                }
                if (saved_mean == nullptr) continue;
                static_cast<T*>(saved_mean)[c] = static_cast<T>(moments.mean);
                static_cast<T*>(saved_inverse_deviation)[c] = static_cast<T>(rstd);
            }
        });
    });
}

cudnnStatus_t cudnnBatchNormalizationBackward(cudnnHandle_t handle, cudnnBatchNormMode_t mode,
                                              const void* alpha_data, const void* beta_data,
                                              const void* alpha_parameters, const void* beta_parameters,
                                              const cudnnTensorDescriptor_t x_descriptor, const void* x,
                                              const cudnnTensorDescriptor_t dy_descriptor, const void* dy,
                                              const cudnnTensorDescriptor_t dx_descriptor, void* dx,
                                              const cudnnTensorDescriptor_t channels, const void* scale,
                                              void* d_scale, void* d_bias, double epsilon,
                                              const void* saved_mean, const void* saved_inverse_deviation) {
    return call<cudnnStatus_t>("cudnnBatchNormalizationBackward", [&] {
        require_ready(handle);
        require_mode(mode);
        require_factors(alpha_data, beta_data);
        require_factors(alpha_parameters, beta_parameters);
        const cudnnTensorStruct& d = described(x_descriptor, "x's descriptor");
        require_same(d, described(dy_descriptor, "dy's descriptor"), "dy");
        require_same(d, described(dx_descriptor, "dx's descriptor"), "dx");
        require_parameters(d, described(channels, "the parameters' descriptor"));
        require_epsilon(epsilon);
        require((saved_mean == nullptr) == (saved_inverse_deviation == nullptr), CUDNN_STATUS_BAD_PARAM,
                "the saved mean and inverse deviation go together");
        require_tensor(x, d.count(), d.type, "x");
        require_tensor(dy, d.count(), d.type, "dy");
        require_tensor(dx, d.count(), d.type, "dx");
        require_apart(dx, d.count(), dy, d.count(), d.type, "dx and dy");
        require_apart(dx, d.count(), x, d.count(), d.type, "dx and x");
        require_tensor(scale, d.c, d.type, "scale");
        require_tensor(d_scale, d.c, d.type, "the gradient of scale");
        require_tensor(d_bias, d.c, d.type, "the gradient of bias");
        if (saved_mean != nullptr) {
            require_tensor(saved_mean, d.c, d.type, "the saved mean");
            require_tensor(saved_inverse_deviation, d.c, d.type, "the saved inverse deviation");
        }
        const simt::LibraryCall working(handle->stream);
        with_type(d.type, [&]<class T>() {
            const T* xs = static_cast<const T*>(x);
            const T* ys = static_cast<const T*>(dy);
            const auto count = static_cast<double>(d.n * d.h * d.w);
            for (int64_t c = 0; c < d.c; ++c) {
                Moments moments;
                double rstd = 0;
                if (saved_mean != nullptr) {
                    moments.mean = static_cast<double>(static_cast<const T*>(saved_mean)[c]);
                    rstd = static_cast<double>(static_cast<const T*>(saved_inverse_deviation)[c]);
                } else {
                    moments = moments_of(d, xs, c);
                    rstd = 1 / std::sqrt(moments.squares / count + epsilon);
                }
                const auto normalised = [&](int64_t at) {
                    return (static_cast<double>(xs[at]) - moments.mean) * rstd;
                };
                double sum = 0, sum_normalised = 0;
                for_channel(d, c, [&](int64_t at) {
                    sum += static_cast<double>(ys[at]);
                    sum_normalised += static_cast<double>(ys[at]) * normalised(at);
                });
                const auto weight = static_cast<double>(static_cast<const T*>(scale)[c]);
                for_channel(d, c, [&](int64_t at) {
                    const double value =
                        weight * rstd *
                        (static_cast<double>(ys[at]) - sum / count - normalised(at) * sum_normalised / count);
                    blend(static_cast<T*>(dx)[at], value, *static_cast<const T*>(alpha_data),
                          *static_cast<const T*>(beta_data));
                });
                const T alpha = *static_cast<const T*>(alpha_parameters);
                const T beta = *static_cast<const T*>(beta_parameters);
                blend(static_cast<T*>(d_scale)[c], sum_normalised, alpha, beta);
                blend(static_cast<T*>(d_bias)[c], sum, alpha, beta);
            }
        });
    });
}
