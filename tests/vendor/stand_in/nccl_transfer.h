// A group of processes of the stand-in NCCL, and one message between two of them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/vendor/stand_in/nccl.h"
#include "tests/vendor/stand_in/nccl_links.h"

/// All processes of a group, as one of them has it.
struct ncclComm {
    ncclComm(const std::string& name, int own_rank, int all)
        : rank(own_rank),
          ranks(all),
          links(name, own_rank, all),
          sent(static_cast<size_t>(all)),
          received(static_cast<size_t>(all)) {}

    int rank, ranks;
    vitrine::stand_in::Links links;
    std::vector<uint32_t> sent, received;  // messages that were queued, by the other's rank
    int unfinished = 0;                    // calls that were queued
    bool aborted = false;
    ncclResult_t failure = ncclSuccess;
    std::string sentence{};

    void fail(ncclResult_t status, const std::string& what) {
        if (failure != ncclSuccess) return;
        failure = status;
        sentence = what;
    }
};

namespace vitrine::stand_in {

using Group = std::shared_ptr<ncclComm>;

enum Call : uint32_t { joining, send_or_receive, broadcasting, gathering, summing };

/// One message of a call, as far as it has come.
class Transfer {
  public:
    Transfer(const Group& group, int other, bool sends, MessageHead head, void* data, size_t bytes)
        : group_(group.get()),
          other_(other),
          sends_(sends),
          head_(head),
          data_(static_cast<char*>(data)),
          bytes_(bytes) {
        uint32_t& number = (sends ? group->sent : group->received)[static_cast<size_t>(other)];
        head_.number = number++;
    }

    bool go_on() { return sends_ ? go_on_sending() : go_on_receiving(); }

  private:
    bool go_on_sending() {
        return move_on(&head_, sizeof head_, of_head_) && move_on(data_, bytes_, of_data_);
    }
    bool go_on_receiving() {
        if (!move_on(&theirs_, sizeof theirs_, of_head_)) return false;
        if (theirs_ != head_) {
            group_->fail(ncclInvalidUsage, described(theirs_) + " comes from process " +
                                               std::to_string(other_) + " where process " +
                                               std::to_string(group_->rank) + " expects " + described(head_));
            return false;
        }
        return move_on(data_, bytes_, of_data_);
    }

    bool move_on(void* data, size_t bytes, size_t& done) const {
        while (done < bytes) {
            char* const rest = static_cast<char*>(data) + done;
            const long moved = sends_ ? group_->links.send(other_, rest, bytes - done)
                                      : group_->links.receive(other_, rest, bytes - done);
            if (moved < 0) group_->fail(ncclRemoteError, "process " + std::to_string(other_) + " is gone");
            if (moved <= 0) return false;
            done += static_cast<size_t>(moved);
        }
        return true;
    }

    static std::string described(const MessageHead& head) {
        constexpr const char* names[]{"joining", "ncclSend", "ncclBroadcast", "ncclAllGather",
                                      "ncclAllReduce"};
        const std::string root = head.root < 0 ? "" : " from process " + std::to_string(head.root);
        return "message " + std::to_string(head.number) + " with " + std::to_string(head.count) +
               " elements of type " + std::to_string(head.type) + " by " +
               names[std::min<uint32_t>(head.call, summing)] + root;
    }

    ncclComm* group_;
    int other_;
    bool sends_;
    MessageHead head_, theirs_{};
    char* data_;
    size_t bytes_;
    size_t of_head_ = 0, of_data_ = 0;
};

}  // namespace vitrine::stand_in
