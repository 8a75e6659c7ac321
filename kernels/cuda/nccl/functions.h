// Which functions of NCCL are used: names alone, for whoever has their declarations.
#pragma once

#define VITRINE_NCCL_FUNCTIONS(FUNCTION) \
    FUNCTION(ncclGetErrorString)         \
    FUNCTION(ncclGetLastError)           \
    FUNCTION(ncclGetUniqueId)            \
    FUNCTION(ncclCommInitRank)           \
    FUNCTION(ncclCommDestroy)            \
    FUNCTION(ncclCommAbort)              \
    FUNCTION(ncclCommGetAsyncError)      \
    FUNCTION(ncclSend)                   \
    FUNCTION(ncclRecv)                   \
    FUNCTION(ncclBroadcast)              \
    FUNCTION(ncclAllGather)              \
    FUNCTION(ncclAllReduce)
