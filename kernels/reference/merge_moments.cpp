// The moments of a batch's shards made one: see kernels/merge_moments.h for the formulas. Here the tree is walked as
// engine/step/shards.h draws it.

#include <vector>

#include "kernels/host_merge_moments.h"
#include "kernels/kernels.h"

namespace vitrine::reference {
namespace {

template <class Node>
class TreeFold {
  public:
    void add(const Node& shard) { shards_.push_back(shard); }
    Node total() const { return node(0, shards_.size()); }

  private:
    /// Shards begin … end − 1.
    Node node(size_t begin, size_t end) const {
        if (end - begin == 1) return shards_[begin];
        size_t left = 1;
        while (2 * left < end - begin) left *= 2;
        return node(begin, begin + left) + node(begin + left, end);
    }

    std::vector<Node> shards_;
};

constexpr Implementation<MergeMomentsForward> forward_list[]{
    {"formula", refuses_nothing, host::merge_moments<TreeFold>}};
constexpr Implementation<MergeMomentsBackward> backward_list[]{
    {"formula", refuses_nothing, host::merge_moments_gradients<TreeFold>}};

}  // namespace

const Kernel<MergeMomentsForward> merge_moments_forward{"merge_moments_forward", forward_list};
const Kernel<MergeMomentsBackward> merge_moments_backward{"merge_moments_backward", backward_list};

}  // namespace vitrine::reference
