// MNIST and Fashion-MNIST: IDX files, plain or compressed with gzip.
//
// IDX is big-endian: a magic number (2051: images, 2049: labels), the number of items, for images also rows
// and columns, then one byte a pixel or label.

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <new>

#include "data/formats.h"
#include "engine/input_file.h"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t image_magic = 2051;
constexpr uint32_t label_magic = 2049;
constexpr int32_t classes = 10;

/// EMNIST, the largest set that is published like this, has 0.6 GB of pixels and 0.8 million labels.
constexpr int64_t largest_images = int64_t{1} << 30;
constexpr int64_t largest_labels = int64_t{1} << 26;
/// The most bytes that a byte of gzip's format can stand for.
constexpr int64_t largest_deflate_ratio = 1032;

/// A regular file that may be compressed; zlib reads a plain one as it is.
class GzipFile {
  public:
    explicit GzipFile(const fs::path& path) : path_(path.string()), file_(nullptr, gzclose) {
        try {
            const InputFile opened(path);
            file_bytes_ = static_cast<int64_t>(opened.bytes());
            const int own = fcntl(opened.descriptor(), F_DUPFD_CLOEXEC, 0);
            if (own >= 0) file_.reset(gzdopen(own, "rb"));
            if (own >= 0 && !file_) {
                close(own);
                throw std::bad_alloc();  // nothing else keeps gzdopen from it
            }
        } catch (const FileError& error) {
            throw Error(fmt::format("'{}' cannot be read ({})", path_, error.reason));
        }
        if (!file_) throw Error(fmt::format("'{}' cannot be read", path_));
        gzbuffer(file_.get(), 1 << 17);
    }

    /// Reads up to `count` bytes; fewer only at the end of the file.
    std::vector<uint8_t> read(int64_t count) {
        constexpr int64_t piece =
            1 << 20;  // memory grows with what is there, not with what a header promises
        std::vector<uint8_t> bytes;
        for (int64_t total = 0; total < count;) {
            const int64_t wanted = std::min(piece, count - total);
            bytes.resize(static_cast<size_t>(total + wanted));
            const int got = gzread(file_.get(), bytes.data() + total, static_cast<unsigned>(wanted));
            int failure = Z_OK;
            const char* reason = gzerror(file_.get(), &failure);
            if (failure == Z_MEM_ERROR) throw std::bad_alloc();
            if (got < 0 || failure != Z_OK)
                throw Error(fmt::format("'{}' is damaged or truncated ({})", path_, reason));
            total += got;
            bytes.resize(static_cast<size_t>(total));
            if (got < wanted) break;
        }
        return bytes;
    }

    /// No more than this can come out of it.
    int64_t most_bytes() const { return file_bytes_ * largest_deflate_ratio; }
    const std::string& path() const { return path_; }

  private:
    std::string path_;
    int64_t file_bytes_ = 0;
    std::unique_ptr<gzFile_s, decltype(&gzclose)> file_;
};

uint32_t big_endian(const uint8_t* bytes) {
    return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

/// A file of which the header has been read.
class IdxFile {
  public:
    IdxFile(const fs::path& path, uint32_t magic) : file_(path) {
        const bool has_images = magic == image_magic;
        const size_t dimensions = has_images ? 3 : 1;
        const std::vector<uint8_t> header = file_.read(static_cast<int64_t>(4 + 4 * dimensions));
        if (header.size() < 4 + 4 * dimensions)
            throw Error(fmt::format("'{}' is truncated in its header", file_.path()));
        if (big_endian(header.data()) != magic) {
            throw Error(fmt::format("'{}' is no IDX file of {}: its magic number is {}, not {}", file_.path(),
                                    has_images ? "images" : "labels", big_endian(header.data()), magic));
        }
        const int64_t largest = has_images ? largest_images : largest_labels;
        for (size_t d = 0; d < dimensions; ++d) {
            sizes_[d] = big_endian(&header[4 + 4 * d]);
            if (sizes_[d] < 1 || sizes_[d] > largest / promised_) {
                throw Error(
                    fmt::format("'{}' has the absurd size {} in its header: at most {} bytes are read",
                                file_.path(), sizes_[d], largest));
            }
            promised_ *= sizes_[d];
        }
        if (promised_ > file_.most_bytes()) throw_wrong_length(true);
    }

    int64_t items() const { return sizes_[0]; }
    int64_t rows() const { return sizes_[1]; }
    int64_t columns() const { return sizes_[2]; }
    const std::string& path() const { return file_.path(); }

    /// What follows the header, to the end of the file.
    std::vector<uint8_t> read_content() {
        // One more, to notice a file that is too long and to check the checksum.
        std::vector<uint8_t> bytes = file_.read(promised_ + 1);
        const auto length = static_cast<int64_t>(bytes.size());
        if (length != promised_) throw_wrong_length(length < promised_);
        return bytes;
    }

  private:
    [[noreturn]] void throw_wrong_length(bool truncated) const {
        throw Error(fmt::format("'{}' is {}: its header promises {} bytes", file_.path(),
                                truncated ? "truncated" : "too long", promised_));
    }

    GzipFile file_;
    std::array<int64_t, 3> sizes_{1, 1, 1};  // items, rows, columns
    int64_t promised_ = 1;
};

/// The first of the names under which such a file is published, in `folder`; an empty path if there is none.
fs::path find_idx(const fs::path& folder, const std::string& part, const std::string& type) {
    for (const char* separator : {"-", "."}) {
        for (const char* ending : {"", ".gz"}) {
            fs::path candidate = folder / (part + separator + type + "-ubyte" + ending);
            std::error_code failure;
            if (fs::is_regular_file(candidate, failure)) return candidate;
        }
    }
    return {};
}

/// The folder itself or where torchvision keeps the files below it.
fs::path find_folder(const fs::path& path) {
    for (const char* subfolder : {"", "raw", "FashionMNIST/raw", "MNIST/raw"}) {
        if (!find_idx(path / subfolder, "train-images", "idx3").empty()) return path / subfolder;
    }
    return {};
}

fs::path required_idx(const fs::path& folder, const std::string& part, const std::string& type) {
    fs::path file = find_idx(folder, part, type);
    if (!file.empty()) return file;
    throw Error(
        fmt::format("'{}' lacks the IDX file {}-{}-ubyte (plain or .gz)", folder.string(), part, type));
}

ImageSet load_part(const fs::path& folder, const std::string& part, const DatasetOptions& options) {
    const fs::path label_file = required_idx(folder, part + "-labels", "idx1");
    const fs::path image_file = required_idx(folder, part + "-images", "idx3");
    IdxFile labels(label_file, label_magic);
    IdxFile images(image_file, image_magic);
    // Before either is read to its end: one of them may lie.
    if (labels.items() != images.items()) {
        throw Error(fmt::format("'{}' has {} images but '{}' has {} labels", images.path(), images.items(),
                                labels.path(), labels.items()));
    }
    const std::vector<uint8_t> classes_of_images = labels.read_content();
    const auto bad = std::find_if(classes_of_images.begin(), classes_of_images.end(),
                                  [](uint8_t label) { return label >= classes; });
    if (bad != classes_of_images.end()) {
        throw Error(fmt::format("'{}' has the label {} at {}; 0 to {} are allowed", labels.path(), *bad,
                                bad - classes_of_images.begin(), classes - 1));
    }
    const std::vector<uint8_t> pixels = images.read_content();
    const int64_t rows = images.rows(), columns = images.columns();
    return make_image_set(rows, columns, {classes_of_images.begin(), classes_of_images.end()}, part, options,
                          [&](int64_t i) {
                              Image image{rows, columns, {}};
                              image.pixels.reserve(static_cast<size_t>(3 * rows * columns));
                              const uint8_t* gray = pixels.data() + i * rows * columns;
                              for (int64_t p = 0; p < rows * columns; ++p)
                                  image.pixels.insert(image.pixels.end(), 3, gray[p]);
                              return image;
                          });
}

Dataset load_idx(const DatasetOptions& options, std::string kind, std::vector<std::string> class_names) {
    fs::path folder = find_folder(options.path);
    if (folder.empty()) folder = options.path;  // the message then names what is missing there
    Dataset dataset;
    dataset.class_names = std::move(class_names);
    dataset.train = load_part(folder, "train", options);
    dataset.validation = load_part(folder, "t10k", options);
    refuse_validation_share(options, kind, dataset.validation.count);
    if (dataset.train.height != dataset.validation.height ||
        dataset.train.width != dataset.validation.width) {
        throw Error(fmt::format("'{}' has training images of {}x{} pixels but validation images of {}x{}",
                                folder.string(), dataset.train.width, dataset.train.height,
                                dataset.validation.width, dataset.validation.height));
    }
    return dataset;
}

/// The files are named alike in both sets: the name of a folder on the path tells them apart.
bool path_says_fashion(const fs::path& path) {
    std::string text = fs::absolute(path).string();
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
    return text.find("fashion") != std::string::npos;
}

}  // namespace

DatasetFormat fashion_mnist_format() {
    return {"fashion_mnist",
            "train-images-idx3-ubyte[.gz] and its three companions, below a folder named like fashion",
            [](const fs::path& path) {
                const fs::path folder = find_folder(path);
                return !folder.empty() && path_says_fashion(folder);
            },
            [](const DatasetOptions& options) {
                return load_idx(options, "fashion_mnist",
                                {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt",
                                 "Sneaker", "Bag", "Ankle boot"});
            }};
}

DatasetFormat mnist_format() {
    return {"mnist", "train-images-idx3-ubyte[.gz] and its three companions",
            [](const fs::path& path) { return !find_folder(path).empty(); },
            [](const DatasetOptions& options) {
                return load_idx(options, "mnist", {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"});
            }};
}

}  // namespace vitrine
