// Layouts of image folders, as people have them: what each is taken for, or what is said of it.

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "data/dataset.h"
#include "tests/data/support.h"

using namespace vitrine;
using namespace vitrine::test;

namespace fs = std::filesystem;

namespace {

struct Layout {
    const char* what;
    /// Files, separated by blanks. "cat/*2" are two images in cat; "a/" is an empty folder; names that end in
    /// .ppm are images of one pixel, other names are files of one line.
    const char* tree;
    /// "classes, in order: training images + validation images", or what the error holds.
    const char* expected;
    /// A part of one of the notices; "" where there must be none.
    const char* notice = "";
    const char* kind = "auto";
};

const std::vector<Layout> layouts = {
    // Names of parts
    {"train and val", "train/cat/*2 train/dog/*2 val/cat/*1 val/dog/*1", "cat dog: 4 + 2"},
    {"Training and Validation", "Training/cat/*2 Training/dog/*2 Validation/cat/*1 Validation/dog/*1",
     "cat dog: 4 + 2"},
    {"Train and Val", "Train/cat/*2 Train/dog/*2 Val/cat/*1 Val/dog/*1", "cat dog: 4 + 2"},
    {"training and testing", "training/cat/*2 training/dog/*2 testing/cat/*1 testing/dog/*1",
     "cat dog: 4 + 2", "'ROOT/testing' is the validation set: there is no other beside 'ROOT/training'"},
    {"TRAIN and valid", "TRAIN/cat/*2 TRAIN/dog/*2 valid/cat/*1 valid/dog/*1", "cat dog: 4 + 2"},
    {"train beside Validation", "train/cat/*2 train/dog/*2 Validation/cat/*1 Validation/dog/*1",
     "cat dog: 4 + 2"},
    {"Train_Images and Test_Images", "Train_Images/a/*2 Train_Images/b/*2 Test_Images/a/*1 Test_Images/b/*1",
     "a b: 4 + 2", "'ROOT/Test_Images' is the validation set"},
    {"trainset and valset", "trainset/a/*2 trainset/b/*2 valset/a/*1 valset/b/*1", "a b: 4 + 2"},
    {"TrainSet and DevSet", "TrainSet/a/*2 TrainSet/b/*2 DevSet/a/*1 DevSet/b/*1", "a b: 4 + 2"},
    {"train2017 and val2017", "train2017/a/*2 train2017/b/*2 val2017/a/*1 val2017/b/*1", "a b: 4 + 2"},
    {"fruits-360: Training and Test",
     "Training/apple/*2 Training/pear/*2 Test/apple/*1 Test/pear/*1 readme.md", "apple pear: 4 + 2",
     "'ROOT/Test' is the validation set"},
    {"training_set and test_set, unpacked twice",
     "training_set/training_set/cats/*2 training_set/training_set/dogs/*2 test_set/test_set/cats/*1 "
     "test_set/test_set/dogs/*1",
     "cats dogs: 4 + 2", "the training images are in 'ROOT/training_set/training_set'"},
    {"Intel scenes: seg_train and seg_test, unpacked twice, and seg_pred",
     "seg_train/seg_train/sea/*2 seg_train/seg_train/street/*2 seg_test/seg_test/sea/*1 "
     "seg_test/seg_test/street/*1 "
     "seg_pred/seg_pred/*3",
     "sea street: 4 + 2", "'seg_pred' beside 'ROOT/seg_train' is left alone"},
    {"the chest x-rays: train, test, val, and a copy of all of it",
     "train/NORMAL/*3 train/PNEUMONIA/*3 test/NORMAL/*1 test/PNEUMONIA/*1 val/NORMAL/*1 val/PNEUMONIA/*1 "
     "chest_xray/train/NORMAL/*3 __MACOSX/train/._x.ppm",
     "NORMAL PNEUMONIA: 6 + 2", "'chest_xray' and 'test' beside 'ROOT/train' are left alone"},
    {"Food-11: training, validation, evaluation",
     "training/a/*2 training/b/*2 validation/a/*1 validation/b/*1 evaluation/a/*1 evaluation/b/*1",
     "a b: 4 + 2", "'evaluation' beside 'ROOT/training' is left alone"},
    {"two tests beside val", "train/a/*2 train/b/*2 val/a/*1 val/b/*1 testA/*1 testB/*1", "a b: 4 + 2",
     "'testA' and 'testB' beside 'ROOT/train' are left alone"},
    {"two tests without val", "train/a/*2 train/b/*2 test1/a/*1 test2/b/*1",
     "both 'test1' and 'test2' are called like the test images"},
    {"trainval beside test", "trainval/a/*2 trainval/b/*2 test/a/*1 test/b/*1", "a b: 4 + 2",
     "is the validation set"},

    // Validation images are held out
    {"one folder", "cat/*5 dog/*5", "cat dog: 8 + 2"},
    {"train alone", "train/cat/*5 train/dog/*5", "cat dog: 8 + 2"},
    {"Training alone, beside lists", "Training/cat/*5 Training/dog/*5 lists/a.csv lists/b.csv",
     "cat dog: 8 + 2"},
    {"a test without classes, as competitions have it", "train/cat/*5 train/dog/*5 test/*4", "cat dog: 8 + 2",
     "'ROOT/test' has no class folders and is left alone: validation images are held out of 'ROOT/train'"},
    {"the sign alphabet: names twice, a flat test",
     "asl_alphabet_train/asl_alphabet_train/A/*5 asl_alphabet_train/asl_alphabet_train/B/*5 "
     "asl_alphabet_test/asl_alphabet_test/*2",
     "A B: 8 + 2", "'ROOT/asl_alphabet_test' has no class folders and is left alone"},
    {"101_ObjectCategories", "BACKGROUND_Google/*5 Faces/*5 Faces_easy/*5",
     "BACKGROUND_Google Faces Faces_easy: 12 + 3"},
    {"images deeper in a class", "cat/a/b/*3 cat/*2 dog/c/*5", "cat dog: 8 + 2"},
    {"images beside the class folders", "cat/*5 dog/*5 1.ppm 2.ppm", "cat dog: 8 + 2",
     "2 images directly in 'ROOT' are in no class folder and left out"},

    // Names of parts that are classes
    {"a class called train among vehicles", "bus/*5 car/*5 train/*5", "bus car train: 12 + 3"},
    {"a class called test among others", "a/*5 b/*5 c/*5 test/*5", "a b c test: 16 + 4"},
    {"a class whose name has train in it", "steam_train/*5 bus/*5", "bus steam_train: 8 + 2"},
    {"train and test as classes, by the kind", "test/*5 train/*5", "test train: 8 + 2", "", "class_folders"},
    {"folders of years, by the kind", "2019/cat/*5 2020/cat/*5", "2019 2020: 8 + 2", "", "class_folders"},
    {"other words for training and validation",
     "Entrenamiento/cat/*5 Entrenamiento/dog/*5 Prueba/cat/*5 Prueba/dog/*5", "Entrenamiento Prueba: 16 + 4",
     "all have the same folders 'cat' and 'dog'"},

    {"collections of the same classes",
     "amazon/images/bag/*3 amazon/images/bike/*2 dslr/images/bag/*2 dslr/images/bike/*3",
     "amazon dslr: 8 + 2", "all have the same folders 'images/bag' and 'images/bike'"},

    // What looks like parts and does not fit
    {"val has images but no classes", "train/cat/*2 train/dog/*2 val/*3",
     "'ROOT/val' has 3 images but no class folders; expected are 'ROOT/train/CLASS/*' and "
     "'ROOT/val/CLASS/*'"},
    {"an empty val", "train/cat/*2 train/dog/*2 val/", "'ROOT/val' is empty; expected are"},
    {"ImageNet: Validation flat", "Train/n01/*2 Train/n02/*2 Validation/*3",
     "'ROOT/Validation' has 3 images but no class"},
    {"cats and dogs: train and test1, both flat", "train/*3 test1/*3",
     "'ROOT/train' has 3 images but no class folders; expected are"},
    {"train alone and flat", "train/*3", "'ROOT/train' has 3 images but no class folders; expected are"},
    {"train and test flat", "train/*3 test/*3",
     "if the folders in 'ROOT' are the classes: --data ROOT --dataset class_f"},
    {"two names for training", "train/cat/*2 Training/cat/*2 val/cat/*1",
     "both 'Training' and 'train' are called like the training images"},
    {"two names for validation", "train/cat/*2 val/cat/*2 valid/cat/*1",
     "both 'val' and 'valid' are called like the validation images"},
    {"two names for training alone", "train/cat/*2 training/cat/*2",
     "both 'train' and 'training' are called like"},
    {"val and test without train", "val/cat/*2 val/dog/*2 test/cat/*2",
     "'ROOT' has 'test' and 'val', but no folder of training images"},
    {"test alone", "test/cat/*2 test/dog/*2",
     "no folder of training images; to use 'ROOT/test' alone: --data ROOT/test"},
    {"two data sets", "a_train/x/*2 a_test/x/*2 b_train/x/*2 b_test/x/*2", "has the parts of 2 data sets"},
    {"train of two years", "train2014/x/*2 train2017/x/*2 val2017/x/*2",
     "both 'train2014' and 'train2017' are called"},
    {"train with classes beside classes", "train/cat/*2 train/dog/*2 bird/*2",
     "'ROOT/train' is called like the training images and has the folders 'cat' and 'dog', but beside it is "
     "'bird'; to use "
     "'ROOT/train' alone: --data ROOT/train;"},
    {"val with classes beside classes", "val/cat/*2 val/dog/*2 cat/*2 dog/*2",
     "but beside it are 'cat' and 'dog'"},
    {"parts inside classes", "bottle/train/*2 bottle/test/*2 cable/train/*2 cable/test/*2",
     "'ROOT/bottle' has the folders 'test' and 'train', but parts of a data set are expected above its "
     "classes"},
    {"images and masks", "images/*3 masks/*3",
     "are called like collections of images, masks or labels, not like"},
    {"ground truth", "Images/*3 Ground_Truth/*3",
     "'Ground_Truth' and 'Images' in 'ROOT' are called like collections"},
    {"images in shares", "HAM10000_images_part_1/*3 HAM10000_images_part_2/*3",
     "called like collections of images"},
    {"folds", "fold1/cat/*3 fold1/dog/*3 fold2/cat/*3 fold2/dog/*3", "called like collections of images"},
    {"folds by the kind", "fold1/*5 fold2/*5", "fold1 fold2: 8 + 2", "", "class_folders"},
    {"classes that are numbers", "0/*5 1/*5 10/*5", "0 1 10: 12 + 3"},
    {"classes with numbers", "part_1/*5 part_2/*5", "part_1 part_2: 8 + 2"},
    {"YOLO: images and labels in each part",
     "train/images/*2 train/labels/1.txt train/labels/2.txt valid/images/*1 valid/labels/1.txt",
     "class folder 'ROOT/train/labels' has no image (a file that ends in .jpg, .jpeg, .png, .ppm, .bmp, "
     ".pgm, .tif, .tiff "
     "or .webp): in it are 2 .txt"},
    {"COCO: images and annotations", "images/train2017/*2 images/val2017/*1 annotations/instances.json",
     "class folder 'ROOT/annotations' has no image"},

    // Classes
    {"one class: flowers/flowers", "flowers/flowers/daisy/*3 flowers/flowers/rose/*3",
     "'ROOT' has one class folder, 'flowers', but a model needs two classes to tell apart; below it, "
     "'ROOT/flowers/flowers' has 2 folders with images, 'daisy' and 'rose': to use those, --data "
     "ROOT/flowers/flowers"},
    {"one class: images", "images/cat/*3 images/dog/*3",
     "2 folders with images, 'cat' and 'dog': to use those, --data ROOT/images"},
    {"one class: PetImages", "PetImages/Cat/*3 PetImages/Dog/*3 readme.txt",
     "to use those, --data ROOT/PetImages"},
    {"one class above parts", "tiny/train/a/*2 tiny/val/a/*2",
     "'ROOT/tiny' has 2 folders with images, 'train' and 'val'"},
    {"one class in train", "train/images/cat/*3 train/images/dog/*3",
     "'ROOT/train' has one class folder, 'images', but a model needs two classes to tell apart; below it, "
     "'ROOT/train/images' has 2 folders with images"},
    {"a single real class", "cat/*7",
     "one class folder, 'cat', but a model needs two classes to tell apart; it has 7 images"},
    {"a single class by the kind", "cat/*7", "one class folder, 'cat'", "", "class_folders"},
    {"a name that a shell must quote", "my pets/cat/*3 my pets/dog/*3",
     "to use those, --data 'ROOT/my pets'"},
    {"images without classes", "*4",
     "'ROOT' has 4 images but no class folders; expected are 'ROOT/train/CLASS/*' and"},
    {"classes that differ", "train/cat/*2 train/dog/*2 val/cat/*1 val/cow/*1",
     "differ: only train has 'dog'; only val has 'cow'; to use 'ROOT/train' alone: --data ROOT/train"},
    {"classes that differ in case", "train/Cat/*2 train/Dog/*2 val/cat/*1 val/dog/*1",
     "differ in upper and lower case: only train has 'Cat' and 'Dog'; only val has 'cat' and 'dog'"},
    {"a test with one folder for all", "train/cat/*2 train/dog/*2 test/unknown/*3",
     "differ: only train has 'cat' and 'dog'; only test has 'unknown'; to use 'ROOT/train' alone: --data "
     "ROOT/train"},
    {"an empty class", "cat/*5 dog/*5 owl/",
     "the class folder 'ROOT/owl' has no image (a file that ends in .jpg"},
    {"a class of empty folders", "cat/*5 dog/*5 owl/a/ owl/b/", "or .webp): it holds no files"},
    {"a class of films and notes", "cat/*5 dog/1.mp4 dog/2.MP4 dog/3.npy dog/LICENSE",
     "or .webp): in it are 2 .mp4, 1 .npy, 1 without a suffix"},
    {"a class of GIF", "cat/*5 dog/1.gif dog/2.gif",
     "in it are 2 files (a GIF file, left out as torchvision's ImageFolder leaves out names that end in "
     ".gif)"},
    {"a class of HEIC", "cat/*5 dog/1.HEIC dog/2.heic",
     "in it are 2 files (a .heic file, which is not supported: JPEG"},
    {"a class of HEIF called WebP", "cat/*5 dog/1.webp dog/2.webp dog/3.webp",
     "the class folder 'ROOT/dog' has no readable image: 3 HEIF files; JPEG, PNG, BMP, "},
    {"a class of HEIF called TIFF", "cat/*5 dog/1.tif",
     "the class folder 'ROOT/dog' has no readable image: 1 HEIF file; JPEG"},
    {"HEIF called JPEG", "cat/*5 dog/1.heif.jpg dog/2.heif.jpg",
     "the class 'dog' of 'ROOT' has no readable training image: 2 "
     "files: a HEIF file, which is not supported"},
    {"names without a suffix, as ImageNet's", "cat/*5 dog/n01_1 dog/n01_2",
     "in it are 2 files (a PPM file by its content, but its"},
    {"a class of this and that", "cat/*5 dog/1.txt dog/2.txt dog/3.gif dog/4",
     "in it are 2 .txt, 1 file (a GIF file, left out as torchvision's ImageFolder leaves out names that end "
     "in "
     ".gif), 1 without a"},
    {"suffixes in upper case", "cat/*4 cat/x.PPM dog/*4 dog/x.Ppm", "cat dog: 8 + 2"},

    // What is no class
    {"what systems leave behind",
     "cat/*5 dog/*5 __MACOSX/cat/._1.ppm @eaDir/x.ppm lost+found/ $RECYCLE.BIN/y.ppm "
     ".ipynb_checkpoints/z.ppm "
     "cat/@eaDir/thumb.ppm cat/.hidden.ppm .DS_Store Thumbs.db",
     "cat dog: 8 + 2"},
    {"runs",
     "cat/*5 dog/*5 runs/a/recipe.toml runs/a/run.json runs/a/preview.ppm runs/b/recipe.toml "
     "runs/b/checkpoints/x",
     "cat dog: 8 + 2", "'runs' in 'ROOT' is no class: Vitrine's own runs and caches are there"},
    {"a run that has just begun", "cat/*5 dog/*5 runs/a/.lock", "cat dog: 8 + 2",
     "'runs' in 'ROOT' is no class"},
    {"a run inside a class", "cat/*5 cat/out/recipe.toml cat/out/run.json cat/out/preview.ppm dog/*5",
     "cat dog: 8 + 2"},
    {"a run in the data's own folder", "cat/*5 dog/*5 recipe.toml run.json checkpoints/step-1.safetensors",
     "cat dog: 8 + 2", "'checkpoints' in 'ROOT' is no class"},
    {"a cache", "cat/*5 dog/*5 cache/set-64-0123.images", "cat dog: 8 + 2", "'cache' in 'ROOT' is no class"},
    {"a cache in a class", "cat/*5 cat/set-64-0123.images dog/*5", "cat dog: 8 + 2"},
    {"runs beside train and val",
     "train/a/*2 train/b/*2 val/a/*1 val/b/*1 runs/x/recipe.toml runs/x/run.json", "a b: 4 + 2"},
    {"runs inside train", "train/a/*2 train/b/*2 train/out/recipe.toml train/out/run.json val/a/*1 val/b/*1",
     "a b: 4 + 2", "'out' in 'ROOT/train' is no class"},
    {"nothing but runs", "runs/a/recipe.toml runs/a/run.json",
     "'ROOT' has no images: a folder for each class is needed"},
};

std::string content_for(const std::string& name) {
    using namespace std::string_literals;
    static const std::string pixel = "P6\n1 1\n255\nabc";
    if (name.ends_with(".webp") || name.ends_with(".tif") || name.ends_with(".heif.jpg"))
        return "\0\0\0\x18"
               "ftypheic...."s;
    if (name.ends_with(".gif")) return "GIF89a";
    if (name.ends_with(".images")) return "VitrImg\n";
    if (name.starts_with("n01_")) return pixel;
    const std::string suffix = name.substr(std::min(name.rfind('.'), name.size()));
    return suffix.size() == 4 && std::tolower(suffix[1]) == 'p' && std::tolower(suffix[3]) == 'm'
               ? pixel
               : "a line\n";
}

/// Words of the tree: a blank before a name that begins in lower case and has no slash belongs to the word
/// before.
std::vector<std::string> words_of(const std::string& tree) {
    std::vector<std::string> words;
    std::istringstream stream(tree);
    for (std::string word; stream >> word;) {
        if (!words.empty() && (words.back() == "my" || words.back().ends_with(" my"))) {
            words.back() += " " + word;
        } else {
            words.push_back(word);
        }
    }
    return words;
}

void plant(const fs::path& root, const std::string& tree) {
    fs::create_directories(root);
    for (const std::string& word : words_of(tree)) {
        const size_t star = word.find('*');
        if (word.ends_with('/')) {
            fs::create_directories(root / word);
        } else if (star == std::string::npos) {
            write_text(root / word, content_for(fs::path(word).filename()));
        } else {
            for (int i = 0; i < std::stoi(word.substr(star + 1)); ++i)
                write_text(root / word.substr(0, star) / fmt::format("image{}.ppm", i), content_for("x.ppm"));
        }
    }
}

std::string with_root(std::string text, const fs::path& root) {
    for (size_t at = text.find("ROOT"); at != std::string::npos; at = text.find("ROOT", at))
        text.replace(at, 4, root.string());
    return text;
}

void check_dataset(const Layout& layout, const Dataset& dataset, const fs::path& root) {
    CHECK(fmt::format("{}: {} + {}", fmt::join(dataset.class_names, " "), dataset.train.count,
                      dataset.validation.count) == layout.expected);
    const std::string wanted = with_root(layout.notice, root);
    if (!wanted.empty()) {
        CHECK(std::ranges::any_of(dataset.notices,
                                  [&](const std::string& text) { return contains(text, wanted); }));
    } else {
        CHECK(dataset.notices.empty());
    }
}

}  // namespace

TEST_CASE("layouts: links to folders are followed, and what is wrong with them is said") {
    const TemporaryFolder folder;
    const fs::path root = folder.path() / "set";
    plant(folder.path() / "elsewhere", "cat/*3 dog/*3");
    plant(root, "owl/*4");
    for (const char* name : {"cat", "dog"})
        fs::create_directory_symlink(folder.path() / "elsewhere" / name, root / name);
    fs::create_directory_symlink(folder.path() / "nowhere", root / "yak");
    DatasetOptions options = folder_options(root, folder.path() / "cache");
    options.image_size = 1;
    Dataset dataset = load_dataset(options);
    CHECK(dataset.class_names == std::vector<std::string>{"cat", "dog", "owl"});
    CHECK(contains(dataset.notices.at(0), "set/yak' is a link to nothing and left out"));

    options.path = folder.path() / "same";
    plant(options.path, "train/cat/*2 train/dog/*2");
    fs::create_directory_symlink("train", options.path / "val");
    dataset = load_dataset(options);
    CHECK(dataset.train.count == dataset.validation.count);
    CHECK(contains(dataset.notices.at(0), "same/val' is the same folder as"));
}

TEST_CASE("layouts: folders that may not be read are named with the reason") {
    const TemporaryFolder folder;
    const fs::path root = folder.path() / "set";
    plant(root, "cat/*2 dog/*2");
    const DatasetOptions options = folder_options(root, folder.path() / "cache");
    const auto error_without = [&](const fs::path& place) {
        fs::permissions(place, fs::perms::none);
        const std::string error = error_of([&] { load_dataset(options); });
        fs::permissions(place, fs::perms::owner_all);
        return error;
    };
    if (geteuid() == 0) return;  // who may read everything
    CHECK(contains(error_without(root / "cat"), "set/cat': cannot be read (Permission denied)"));
    CHECK(contains(error_without(root), "set' cannot be read (Permission denied)"));
}

TEST_CASE("layouts: classes whose names are no UTF-8 are told apart and written as text") {
    const TemporaryFolder folder;
    const fs::path root = folder.path() / "set";
    plant(root, "caf\xe9/*2 caf\\xe9/*2 caf\xc3\xa9/*2 a\x1b[31m/*2");
    DatasetOptions options = folder_options(root, folder.path() / "cache");
    options.image_size = 1;
    CHECK(load_dataset(options).class_names ==
          std::vector<std::string>{"a\\x1b[31m", "caf\\x5cxe9", "caf\xc3\xa9", "caf\\xe9"});
    fs::remove_all(root / "caf\xe9");
    fs::create_directories(root / "caf\xe9");
    const std::string error = error_of([&] { load_dataset(options); });
    CHECK(contains(error, "/set/caf\\xe9' has no image"));
}

TEST_CASE("layouts: each is what it looks like, or an error that says what was expected") {
    REQUIRE(layouts.size() >= 60);
    for (const Layout& layout : layouts) {
        const TemporaryFolder folder;
        const fs::path root = folder.path() / "set";
        plant(root, layout.tree);
        DatasetOptions options = folder_options(root, folder.path() / "cache");
        options.image_size = 1;
        options.kind = layout.kind;
        CAPTURE(layout.what);
        Dataset dataset;
        const std::string error = error_of([&] { dataset = load_dataset(options); });
        CAPTURE(error);
        CAPTURE(fmt::format("{}", fmt::join(dataset.notices, "\n")));
        if (error == "no error") {
            check_dataset(layout, dataset, root);
        } else {
            CHECK(contains(error, with_root(layout.expected, root)));
        }
    }
}
