// A network that takes its time, for processes of one machine: what one of them sends or receives is done no sooner than
//
//     latency + bytes / bandwidth
//
// after it was asked for. Loaded before MPI (LD_PRELOAD), whose own names these are; MPI's own functions begin with PMPI_.
// VITRINE_LATENCY is in seconds, VITRINE_BANDWIDTH in bytes a second. See overlap.py.

#include <mpi.h>
#include <stdlib.h>
#include <time.h>

enum { most = 256 };
static struct {
    MPI_Request request;
    double done;
} pending[most];

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static double setting(const char *name) {
    const char *text = getenv(name);
    return text == NULL ? 0.0 : atof(text);
}

static int begun(int status, int bytes, MPI_Request request) {
    const double bandwidth = setting("VITRINE_BANDWIDTH");
    for (int i = 0; i < most; ++i) {
        if (pending[i].request != 0) continue;
        pending[i].request = request;
        pending[i].done =
            now() + setting("VITRINE_LATENCY") + (bandwidth > 0.0 ? (double)bytes / bandwidth : 0.0);
        return status;
    }
    abort();
}

int MPI_Isend(const void *data, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm,
              MPI_Request *request) {
    const int status = PMPI_Isend(data, count, type, to, tag, comm, request);
    return begun(status, count, *request);
}

int MPI_Irecv(void *data, int count, MPI_Datatype type, int from, int tag, MPI_Comm comm,
              MPI_Request *request) {
    const int status = PMPI_Irecv(data, count, type, from, tag, comm, request);
    return begun(status, count, *request);
}

int MPI_Ibcast(void *data, int count, MPI_Datatype type, int from, MPI_Comm comm, MPI_Request *request) {
    const int status = PMPI_Ibcast(data, count, type, from, comm, request);
    return begun(status, count, *request);
}

int MPI_Test(MPI_Request *request, int *done, MPI_Status *status) {
    for (int i = 0; i < most; ++i) {
        if (pending[i].request == 0 || pending[i].request != *request) continue;
        if (now() < pending[i].done) {
            int other = 0;  // MPI goes on meanwhile
            *done = 0;
            return PMPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &other, MPI_STATUS_IGNORE);
        }
        const int result = PMPI_Test(request, done, status);
        if (*done != 0) pending[i].request = 0;
        return result;
    }
    return PMPI_Test(request, done, status);
}
