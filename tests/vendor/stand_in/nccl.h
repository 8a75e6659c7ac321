// What is used of NCCL 2's header, for the stand-in library and for compiling kernels/cuda/nccl without CUDA: see cudnn.h beside it.
#pragma once

#include <cstddef>

#ifndef VITRINE_STAND_IN_FUNCTION
#define VITRINE_STAND_IN_FUNCTION extern "C"
#endif

#define NCCL_MAJOR 2
#define NCCL_UNIQUE_ID_BYTES 128

typedef struct CUstream_st* cudaStream_t;
typedef struct ncclComm* ncclComm_t;
typedef struct {
    char internal[NCCL_UNIQUE_ID_BYTES];
} ncclUniqueId;

#ifndef VITRINE_ENUMERATOR
#define VITRINE_ENUMERATOR(name, value) name = value,
#endif

#define VITRINE_NCCL_RESULTS(X)  \
    X(ncclSuccess, 0)            \
    X(ncclUnhandledCudaError, 1) \
    X(ncclSystemError, 2)        \
    X(ncclInternalError, 3)      \
    X(ncclInvalidArgument, 4)    \
    X(ncclInvalidUsage, 5)       \
    X(ncclRemoteError, 6)        \
    X(ncclInProgress, 7)
typedef enum { VITRINE_NCCL_RESULTS(VITRINE_ENUMERATOR) } ncclResult_t;

#define VITRINE_NCCL_TYPES(X) \
    X(ncclInt8, 0)            \
    X(ncclUint8, 1)           \
    X(ncclInt32, 2)           \
    X(ncclUint32, 3)          \
    X(ncclInt64, 4)           \
    X(ncclUint64, 5)          \
    X(ncclFloat16, 6)         \
    X(ncclFloat32, 7)         \
    X(ncclFloat64, 8)         \
    X(ncclBfloat16, 9)
typedef enum { VITRINE_NCCL_TYPES(VITRINE_ENUMERATOR) } ncclDataType_t;

#define VITRINE_NCCL_OPERATIONS(X) X(ncclSum, 0) X(ncclProd, 1) X(ncclMax, 2) X(ncclMin, 3) X(ncclAvg, 4)
typedef enum { VITRINE_NCCL_OPERATIONS(VITRINE_ENUMERATOR) } ncclRedOp_t;

#define VITRINE_NCCL_ENUMERATIONS(X) VITRINE_NCCL_RESULTS(X) VITRINE_NCCL_TYPES(X) VITRINE_NCCL_OPERATIONS(X)

VITRINE_STAND_IN_FUNCTION const char* ncclGetErrorString(ncclResult_t result);
VITRINE_STAND_IN_FUNCTION const char* ncclGetLastError(ncclComm_t comm);
VITRINE_STAND_IN_FUNCTION ncclResult_t ncclGetUniqueId(ncclUniqueId* uniqueId);
VITRINE_STAND_IN_FUNCTION ncclResult_t ncclCommInitRank(ncclComm_t* comm, int nranks, ncclUniqueId commId,
                                                        int rank);
VITRINE_STAND_IN_FUNCTION ncclResult_t ncclCommDestroy(ncclComm_t comm);
VITRINE_STAND_IN_FUNCTION ncclResult_t ncclCommAbort(ncclComm_t comm);
VITRINE_STAND_IN_FUNCTION ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* asyncError);
VITRINE_STAND_IN_FUNCTION ncclResult_t ncclSend(const void* sendbuff, size_t count, ncclDataType_t datatype,
                                                int peer, ncclComm_t comm, cudaStream_t stream);
VITRINE_STAND_IN_FUNCTION ncclResult_t ncclRecv(void* recvbuff, size_t count, ncclDataType_t datatype,
                                                int peer, ncclComm_t comm, cudaStream_t stream);
VITRINE_STAND_IN_FUNCTION ncclResult_t ncclBroadcast(const void* sendbuff, void* recvbuff, size_t count,
                                                     ncclDataType_t datatype, int root, ncclComm_t comm,
                                                     cudaStream_t stream);
VITRINE_STAND_IN_FUNCTION ncclResult_t ncclAllGather(const void* sendbuff, void* recvbuff, size_t sendcount,
                                                     ncclDataType_t datatype, ncclComm_t comm,
                                                     cudaStream_t stream);
VITRINE_STAND_IN_FUNCTION ncclResult_t ncclAllReduce(const void* sendbuff, void* recvbuff, size_t count,
                                                     ncclDataType_t datatype, ncclRedOp_t op, ncclComm_t comm,
                                                     cudaStream_t stream);
