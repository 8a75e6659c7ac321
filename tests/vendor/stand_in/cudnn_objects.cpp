// Handles, descriptors and errors of the stand-in cuDNN.

#include "tests/vendor/stand_in/cudnn_objects.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

#include "tests/vendor/stand_in/memory.h"

int64_t cudnnTensorStruct::at(int64_t image, int64_t channel, int64_t row, int64_t column) const {
    return format == CUDNN_TENSOR_NHWC ? ((image * h + row) * w + column) * c + channel
                                       : ((image * c + channel) * h + row) * w + column;
}

int64_t cudnnFilterStruct::at(int64_t out, int64_t in, int64_t row, int64_t column) const {
    return format == CUDNN_TENSOR_NHWC ? ((out * h + row) * w + column) * c + in
                                       : ((out * c + in) * h + row) * w + column;
}

namespace vitrine::stand_in {
namespace {

/// The objects of one kind that are alive. The program never destroys any.
template <class Object>
class Objects {
  public:
    Object* make() {
        const std::lock_guard lock(mutex_);
        return objects_.emplace_back(std::make_unique<Object>()).get();
    }
    bool holds(const Object* object) {
        const std::lock_guard lock(mutex_);
        return std::ranges::any_of(objects_, [&](const auto& mine) { return mine.get() == object; });
    }

  private:
    std::mutex mutex_;
    std::vector<std::unique_ptr<Object>> objects_;
};

template <class Object>
Objects<Object>& objects() {
    static Objects<Object> all;
    return all;
}

template <class Object>
cudnnStatus_t create(const char* function, Object** made) {
    return call<cudnnStatus_t>(function, [&] {
        require(made != nullptr, CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "the place for the object is null");
        *made = objects<Object>().make();
    });
}

/// For the functions that describe it.
template <class Object>
Object& alive(Object* descriptor, const std::string& what) {
    require(descriptor != nullptr, CUDNN_STATUS_BAD_PARAM_NULL_POINTER, what + " is null");
    require(objects<Object>().holds(descriptor), CUDNN_STATUS_BAD_PARAM,
            what + " is no descriptor that cuDNN made");
    return *descriptor;
}

template <class Object>
const Object& described_object(Object* descriptor, const std::string& what) {
    const Object& object = alive(descriptor, what);
    require(object.set, CUDNN_STATUS_BAD_PARAM, what + " was never described");
    return object;
}

void require_positive(std::initializer_list<int> sizes, const std::string& what) {
    for (const int size : sizes)
        require(size > 0, CUDNN_STATUS_BAD_PARAM, what + ": every size must be positive");
}

void require_type_and_format(cudnnDataType_t type, cudnnTensorFormat_t format) {
    require(type == CUDNN_DATA_FLOAT || type == CUDNN_DATA_DOUBLE, CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE,
            "tensors are of float or double");
    require(format == CUDNN_TENSOR_NCHW || format == CUDNN_TENSOR_NHWC, CUDNN_STATUS_BAD_PARAM,
            "there is no such tensor format");
}

/// As cuDNN documents it.
void require_countable(int64_t count) {
    require(count <= int64_t{1} << 31, CUDNN_STATUS_NOT_SUPPORTED_SHAPE,
            "a tensor may have 2 giga-elements at most");
}

}  // namespace

void require(bool condition, cudnnStatus_t status, const std::string& sentence) {
    if (!condition) throw Wrong{status, sentence};
}

void require_ready(cudnnHandle_t handle) {
    require(handle != nullptr, CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "the handle is null");
    require(objects<cudnnContext>().holds(handle), CUDNN_STATUS_NOT_INITIALIZED,
            "the handle is not one that cudnnCreate made");
    require(handle->has_stream, CUDNN_STATUS_BAD_PARAM_STREAM_MISMATCH,
            "the handle was given no stream: it would work on the default one, which does not wait for the "
            "program's");
}

const cudnnTensorStruct& described(cudnnTensorDescriptor_t descriptor, std::string_view what) {
    return described_object(descriptor, std::string(what));
}
const cudnnFilterStruct& described(cudnnFilterDescriptor_t descriptor, std::string_view what) {
    return described_object(descriptor, std::string(what));
}
const cudnnConvolutionStruct& described(cudnnConvolutionDescriptor_t descriptor, std::string_view what) {
    return described_object(descriptor, std::string(what));
}
const cudnnPoolingStruct& described(cudnnPoolingDescriptor_t descriptor, std::string_view what) {
    return described_object(descriptor, std::string(what));
}

size_t size_of(cudnnDataType_t type) { return type == CUDNN_DATA_DOUBLE ? sizeof(double) : sizeof(float); }

void require_tensor(const void* memory, int64_t count, cudnnDataType_t type, const std::string& what) {
    const size_t bytes = static_cast<size_t>(count) * size_of(type);
    require(memory != nullptr, CUDNN_STATUS_BAD_PARAM_NULL_POINTER, what + " is null");
    const std::string wrong = wrong_device_memory(memory, bytes, 16, what);
    require(wrong.empty(),
            wrong.find("aligned") == std::string::npos ? CUDNN_STATUS_EXECUTION_FAILED
                                                       : CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER,
            wrong);
}

void require_factors(const void* alpha, const void* beta) {
    for (const auto& [factor, name] : {std::pair{alpha, "alpha"}, std::pair{beta, "beta"}}) {
        const std::string wrong = wrong_host_memory(factor, name);
        require(wrong.empty(), CUDNN_STATUS_BAD_PARAM_NULL_POINTER, wrong);
    }
}

void require_apart(const void* out, int64_t out_count, const void* in, int64_t in_count, cudnnDataType_t type,
                   const std::string& what) {
    const size_t size = size_of(type);
    require(!overlap(out, static_cast<size_t>(out_count) * size, in, static_cast<size_t>(in_count) * size),
            CUDNN_STATUS_BAD_PARAM, what + " share memory, which cuDNN does not document to work");
}

}  // namespace vitrine::stand_in

using namespace vitrine::stand_in;

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) { return create("cudnnCreate", handle); }

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
    return call<cudnnStatus_t>("cudnnSetStream", [&] {
        require(handle != nullptr && objects<cudnnContext>().holds(handle), CUDNN_STATUS_BAD_PARAM,
                "the handle is not one that cudnnCreate made");
        handle->has_stream = true;
        handle->stream = stream;
    });
}

size_t cudnnGetVersion() { return 91400; }

const char* cudnnGetErrorString(cudnnStatus_t status) {
    switch (status) {
#define VITRINE_NAME(name, value) \
    case name:                    \
        return #name;
        VITRINE_CUDNN_STATUS(VITRINE_NAME)
#undef VITRINE_NAME
    }
    return "CUDNN_STATUS_UNKNOWN";
}

void cudnnGetLastErrorString(char* message, size_t max_size) {
    if (max_size == 0) return;
    const std::string& sentence = last_sentence();
    message[sentence.copy(message, max_size - 1)] = 0;
}

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* descriptor) {
    return create("cudnnCreateTensorDescriptor", descriptor);
}
cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t* descriptor) {
    return create("cudnnCreateFilterDescriptor", descriptor);
}
cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t* descriptor) {
    return create("cudnnCreateConvolutionDescriptor", descriptor);
}
cudnnStatus_t cudnnCreatePoolingDescriptor(cudnnPoolingDescriptor_t* descriptor) {
    return create("cudnnCreatePoolingDescriptor", descriptor);
}

cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t descriptor, cudnnTensorFormat_t format,
                                         cudnnDataType_t type, int n, int c, int h, int w) {
    return call<cudnnStatus_t>("cudnnSetTensor4dDescriptor", [&] {
        cudnnTensorStruct& tensor = alive(descriptor, "the tensor's descriptor");
        require_type_and_format(type, format);
        require_positive({n, c, h, w}, "a tensor");
        tensor = {true, format, type, n, c, h, w};
        require_countable(tensor.count());
    });
}

cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t descriptor, cudnnDataType_t type,
                                         cudnnTensorFormat_t format, int k, int c, int h, int w) {
    return call<cudnnStatus_t>("cudnnSetFilter4dDescriptor", [&] {
        cudnnFilterStruct& filter = alive(descriptor, "the filter's descriptor");
        require_type_and_format(type, format);
        require_positive({k, c, h, w}, "a filter");
        filter = {true, type, format, k, c, h, w};
        require_countable(filter.count());
    });
}

cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t descriptor, int pad_h, int pad_w,
                                              int stride_h, int stride_w, int dilation_h, int dilation_w,
                                              cudnnConvolutionMode_t mode, cudnnDataType_t compute_type) {
    return call<cudnnStatus_t>("cudnnSetConvolution2dDescriptor", [&] {
        cudnnConvolutionStruct& convolution = alive(descriptor, "the convolution's descriptor");
        require(pad_h >= 0 && pad_w >= 0, CUDNN_STATUS_BAD_PARAM, "a padding must not be negative");
        require_positive({stride_h, stride_w, dilation_h, dilation_w}, "stride and dilation");
        require(mode == CUDNN_CONVOLUTION || mode == CUDNN_CROSS_CORRELATION, CUDNN_STATUS_BAD_PARAM,
                "there is no such mode of a convolution");
        convolution = {true,       pad_h, pad_w,        stride_h, stride_w,          dilation_h,
                       dilation_w, mode,  compute_type, 1,        CUDNN_DEFAULT_MATH};
    });
}

cudnnStatus_t cudnnSetConvolutionGroupCount(cudnnConvolutionDescriptor_t descriptor, int groups) {
    return call<cudnnStatus_t>("cudnnSetConvolutionGroupCount", [&] {
        require(groups > 0, CUDNN_STATUS_BAD_PARAM, "a convolution has at least one group");
        alive(descriptor, "the convolution's descriptor").groups = groups;
    });
}

cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t descriptor, cudnnMathType_t math) {
    return call<cudnnStatus_t>("cudnnSetConvolutionMathType", [&] {
        require(math >= CUDNN_DEFAULT_MATH && math <= CUDNN_FMA_MATH, CUDNN_STATUS_BAD_PARAM,
                "there is no such math type");
        alive(descriptor, "the convolution's descriptor").math = math;
    });
}

cudnnStatus_t cudnnSetPooling2dDescriptor(cudnnPoolingDescriptor_t descriptor, cudnnPoolingMode_t mode,
                                          cudnnNanPropagation_t nan, int window_h, int window_w, int pad_h,
                                          int pad_w, int stride_h, int stride_w) {
    return call<cudnnStatus_t>("cudnnSetPooling2dDescriptor", [&] {
        cudnnPoolingStruct& pooling = alive(descriptor, "the pooling's descriptor");
        require(mode >= CUDNN_POOLING_MAX && mode <= CUDNN_POOLING_MAX_DETERMINISTIC, CUDNN_STATUS_BAD_PARAM,
                "there is no such mode of pooling");
        require(nan == CUDNN_NOT_PROPAGATE_NAN || nan == CUDNN_PROPAGATE_NAN, CUDNN_STATUS_BAD_PARAM,
                "there is no such way with NaN");
        require_positive({window_h, window_w, stride_h, stride_w}, "window and stride of pooling");
        require(pad_h >= 0 && pad_w >= 0, CUDNN_STATUS_BAD_PARAM, "a padding must not be negative");
        require(pad_h < window_h && pad_w < window_w, CUDNN_STATUS_NOT_SUPPORTED,
                "a pooling's padding must be less than its window");
        pooling = {true, mode, nan, window_h, window_w, pad_h, pad_w, stride_h, stride_w};
    });
}
