// Images with their classes in tables and lists: what each is taken for, or what is said of it.

#include <doctest/doctest.h>
#include <algorithm>

#include "data/dataset.h"
#include "data/tables/table.h"
#include "data/tables/table_files.h"
#include "tests/data/support.h"
#include "tests/data/table_cases.h"

using namespace vitrine;
using namespace vitrine::test;

namespace fs = std::filesystem;

namespace {

DatasetOptions with(const std::string& image, const std::string& label) {
    DatasetOptions options;
    options.image_column = image;
    options.label_column = label;
    return options;
}

DatasetOptions of_kind(const std::string& kind) {
    DatasetOptions options;
    options.kind = kind;
    return options;
}

}  // namespace

TEST_CASE("tables: one of all images, by the names of its columns") {
    const std::vector<Case> cases = {
        {"Id,Category without extensions",
         "img/*10",
         {{"train.csv", table("Id,Category", "#,", 10)}},
         "image_table ant bee: 8 + 2",
         "the classes are the column 'Category' of 'train.csv', by the images of "
         "its column 'Id'"},
        {"id,label with extensions",
         "*10",
         {{"labels.csv", table("id,label", "#.ppm,", 10)}},
         "image_table ant bee: 8 + 2"},
        {"filename,class with paths",
         "a/*5 b/c/*5",
         {{"labels.csv", table("filename,class", "a/#.ppm,", 5) + table("", "b/c/#.ppm,", 5)}},
         "image_table ant bee: 8 + 2"},
        {"other names in other cases",
         "x/*10",
         {{"Labels.CSV", table("IMAGE_ID,Breed", "#,", 10)}},
         "image_table ant bee: 8 + 2"},
        {"found by the end of a path",
         "deep/a/*5 deep/b/*5",
         {{"labels.csv", table("path,target", "a/#.ppm,", 5) + table("", "b/#,", 5)}},
         "image_table ant bee: 8 + 2"},
        {"paths that begin with a dot, or are whole",
         "img/*10",
         {{"labels.csv", table("path,class", "./img/#.ppm,", 10)}},
         "image_table ant bee: 8 + 2"},
        {"paths as Windows writes them",
         "img/*10",
         {{"labels.csv", table("path,class", "img\\#.ppm,", 10)}},
         "image_table ant bee: 8 + 2"},
        {"the only table, whatever its name",
         "x/*10",
         {{"birds2021.csv", table("file,species", "#.ppm,", 10)}},
         "image_table ant bee: 8 + 2"},
        {"semicolons, a byte order mark, CRLF and blank lines",
         "*10",
         {{"labels.csv", "\xef\xbb\xbf" + replaced(table("id;label", "#;", 10), "\n", "\r\n") + "\r\n;\r\n"}},
         "image_table ant bee: 8 + 2"},
        {"tabs", "*10", {{"labels.tsv", table("id\tlabel", "#\t", 10)}}, "image_table ant bee: 8 + 2"},
        {"CR alone",
         "*10",
         {{"labels.csv", replaced(table("id,label", "#,", 10), "\n", "\r")}},
         "image_table ant bee: 8 + 2"},
        {"quotes, with separators, quotes and line ends in them",
         "*10",
         {{"labels.csv", table("id,\"label\"", "\"#\",", 10, {"\"a, b\"", "\"say \"\"c\"\"\nd\""})}},
         "image_table a, b say \"c\"\\x0ad: 8 + 2"},
        {"spaces round fields",
         "*10",
         {{"labels.csv", table("id, label", "#, ", 10)}},
         "image_table ant bee: 8 + 2"},
        {"numbers in the order of their values",
         "*24",
         {{"labels.csv", table("id,label", "#,", 24, {"10", "9", "0"})}},
         "image_table 0 9 10: 18 + 6"},
        {"columns beside them",
         "*10",
         {{"labels.csv", table("width,sex,id,height,label", "7,m,#,9,", 10)}},
         "image_table ant bee: 8 + 2"},
        {"a number of the row",
         "*10",
         {{"labels.csv", table(",id,label", "77,#,", 10)}},
         "image_table ant bee: 8 + 2"},
        {"classes by number and by name",
         "*10",
         {{"labels.csv", table("class id,filepaths,labels", "X,#.ppm,", 10, {"ant", "bee"})},
          {"notes.txt", "nothing"}},
         "which one holds the classes cannot be told"},
        {"classes by number and by name that correspond",
         "*4",
         {{"labels.csv", "class_id,path,class_name\n0,1.ppm,ant\n1,2.ppm,bee\n0,3.ppm,ant\n1,4.ppm,bee\n"}},
         "image_table ant bee: 2 + 2"},
        {"an id beside a file name",
         "*10",
         {{"labels.csv", table("id,filename,label", "77,#.ppm,", 10)}},
         "image_table ant bee: 8 + 2"},
        {"unknown names, told by the images",
         "*10",
         {{"labels.csv", table("foo,bar", "#.ppm,", 10)}},
         "image_table ant bee: 8 + 2"},
        {"no names",
         "*10",
         {{"labels.csv", table("", "#.ppm,", 10)}},
         "image_table ant bee: 8 + 2",
         "the column 'column 2'"},
        {"no names and no extensions",
         "*10",
         {{"labels.csv", table("", "#,", 10)}},
         "image_table ant bee: 8 + 2"},
        {"one class folder above the images",
         "train/*10",
         {{"train.csv", table("id,label", "#,", 10)}},
         "image_table ant bee: 8 + 2"},
        {"the same names in a folder of training and in one of test images",
         "train/*10 test/*10",
         {{"train.csv", table("id,label", "#,", 10)}},
         "image_table ant bee: 8 + 2"},
        {"folders that are no classes",
         "part1/*5 part2/x/*5",
         {{"labels.csv", table("path,label", "part1/#,", 5) + table("", "part2/x/#,", 5)}},
         "image_table ant bee: 8 + 2"},
        {"several columns, said which",
         "*10",
         {{"meta.csv", table("lesion,pic,type,sex,dx", "7,#,a,b,", 10)}},
         "image_table ant bee: 8 + 2",
         "",
         "",
         with("pic", "dx")},
        {"a table named",
         "a/*10",
         {{"one.csv", table("id,label", "a/#,", 10)}, {"two.csv", table("id,label", "a/#,", 4, {"x", "y"})}},
         "image_table x y: 2 + 2",
         "6 images without a row in a table are left out",
         "two.csv"},
    };
    for (const Case& each : cases) check(each);
}

TEST_CASE("tables: one beside class folders") {
    const std::vector<Case> cases = {
        {"says what the folders say",
         "ant/*5 bee/*5",
         {{"labels.csv", table("id,label", "ant/#.ppm,", 5, {"ant"}) + table("", "bee/#.ppm,", 5, {"bee"})}},
         "image_folder ant bee: 8 + 2"},
        {"says other classes",
         "a/*5 b/*5",
         {{"labels.csv", table("path,label", "a/#.ppm,", 5) + table("", "b/#.ppm,", 5)}},
         "image_table ant bee: 8 + 2"},
        {"is of something else",
         "ant/*5 bee/*5",
         {{"labels.csv", "ClassId,Name\n0,ant\n1,bee\n"}},
         "image_folder ant bee: 8 + 2"},
        {"cannot be told", "ant/*5 bee/*5", {{"train.csv", "a,b,c\n1,2,3\n"}}, "image_folder ant bee: 8 + 2"},
        {"says other classes, and the folders are wanted",
         "a/*5 b/*5",
         {{"labels.csv", table("path,label", "a/#.ppm,", 5) + table("", "b/#.ppm,", 5)}},
         "image_folder a b: 8 + 2",
         "",
         "",
         of_kind("image_folder")},
        {"a list of names among them",
         "ant/*5 bee/*5",
         {{"labels.txt", "ant\nbee\n"}},
         "image_folder ant bee: 8 + 2"},
    };
    for (const Case& each : cases) check(each);
}

TEST_CASE("tables: files and labels that do not meet") {
    const auto labels = [](const std::string& text) { return std::vector<File>{{"labels.csv", text}}; };
    const std::vector<Case> cases = {
        {"rows without files", "*2", labels(table("id,label", "#,", 7)),
         "5 rows of the table 'ROOT/labels.csv' name images that are not in 'ROOT': '3' (line 4), '4' (line "
         "5), '5' (line 6) and 2 more"},
        {"one row without a file", "*3", labels(table("id,label", "#.ppm,", 4)),
         "1 row of the table 'ROOT/labels.csv' names images that are not in 'ROOT': '4.ppm' (line 5)"},
        {"another extension", "*3", labels(table("id,label", "#.jpg,", 3)), "name images that are not in"},
        {"none of the files", "x/*3", labels(table("id,label", "y#,", 3)), "name images that are not in"},
        {"two classes for an image", "*4", labels(table("id,label", "#,", 4) + "2,bee\n3.ppm,bee\n"),
         "1 image has two classes, the first 'ant' in line 3 of 'labels.csv' and 'bee' in line 6 of "
         "'labels.csv': '2.ppm' (line 6)"},
        {"no class", "*4", labels("id,label\n1,ant\n2,\n3,bee\n4,\"\"\n"),
         "2 rows of the table 'ROOT/labels.csv' have no class in the column 'label': '2' (line 3), '4' (line "
         "5)"},
        {"no image", "*4", labels("id,label\n1,ant\n,bee\n"),
         "1 row of the table 'ROOT/labels.csv' names no image in the column 'id': '' (line 3)"},
        {"in several folders", "a/*2 b/*2", labels("file,label\n1.ppm,ant\n2.ppm,bee\n"),
         "2 rows of the table 'ROOT/labels.csv' name images that are in several folders, the first in "
         "'a/1.ppm' and 'b/1.ppm': '1.ppm' (line 2), '2.ppm' (line 3)"},
        {"above the folder", "*2", labels("id,label\n1,ant\n../2.ppm,bee\n"),
         "1 row of the table 'ROOT/labels.csv' names files outside of 'ROOT', where nothing is read: "
         "'../2.ppm' (line 3)"},
        {"an absolute path elsewhere", "*2", labels("id,label\n1,ant\n/etc/2.ppm,bee\n"),
         "names files outside of 'ROOT'"},
        {"a folder", "*2 x/*1", labels("id,label\n1,ant\nx,bee\n"),
         "names images that are not in 'ROOT': 'x'"},
        {"one class", "*4", labels(table("id,label", "#,", 4, {"ant"})),
         "all training images of the table 'ROOT/labels.csv' have the class 'ant', but a model needs two"},
        {"no rows", "*2", labels("id,label\n"), "the table 'ROOT/labels.csv' has a header and no rows"},
        {"nothing", "*2", labels(""), "the table 'ROOT/labels.csv' is empty"},
        {"no column of classes", "*2", labels("id\n1\n2\n"),
         "the columns of the table 'ROOT/labels.csv' are 'id': none of them holds classes"},
        {"which column holds the classes", "*2", labels("id,a,b\n1,x,y\n2,z,w\n"),
         "the columns of the table 'ROOT/labels.csv' are 'id', 'a' and 'b': which one holds the classes "
         "cannot be told; say it with --label-column"},
        {"which column names the images", "*2", labels("a,b,label\nx,y,ant\nz,w,bee\n"),
         "which one names the images cannot be told; say it with --image-column"},
        {"a column that is not there", "*2", labels("id,label\n1,ant\n2,bee\n"),
         "--label-column 'dx': there is no such column; the columns of the table", "", "", with("", "dx")},
        {"columns of what is no table",
         "a/*2 b/*2",
         {},
         "has no table of training images",
         "",
         "",
         with("", "dx")},
        {"columns that cannot be told, of a table whose name says nothing",
         "*2",
         {{"meta.csv", "pic,a,b\n1,x,y\n2,z,w\n"}},
         "say it with --label-column"},
        {"a row that is too short", "*2", labels("id,label,x\n1,ant,1\n2,bee\n"),
         "line 3 of the table 'ROOT/labels.csv' has 2 fields, but there are 3 columns"},
        {"a row that is too long", "*2", labels("id,label\n1,ant\n2,bee,3\n"), "line 3 of the table"},
        {"a quote that does not end", "*2", labels("id,label\n1,ant\n2,\"bee\n3,cat\n"),
         "the table 'ROOT/labels.csv' cannot be read from line 3 on: a quote is missing"},
        {"a quote in a field", "*2", labels("id,label\n1,a\"nt\n2,bee\n"),
         "from line 2 on: a quote is missing"},
        {"UTF-16", "*2", labels("\xff\xfei"), "the table 'ROOT/labels.csv' is UTF-16; save it as UTF-8"},
        {"bytes of zero", "*2", labels(std::string("id,label\n1,\0nt\n", 15)),
         "is no text: it holds bytes of"},
        {"two training tables",
         "*4",
         {{"train.csv", table("id,label", "#,", 4)}, {"train_labels.csv", table("id,label", "#,", 4)}},
         "both 'ROOT/train.csv' and 'ROOT/train_labels.csv' are called like tables of the same images; name "
         "one: --data"},
        {"no table at all", "*4", {}, "has no table of training images", "", "", of_kind("image_table")},
        {"no such file", "*4", {}, "does not exist", "", "labels.csv"},
    };
    for (const Case& each : cases) check(each);
}

TEST_CASE("tables: an image that cannot be decoded is left out and listed, as in a folder") {
    const TemporaryFolder folder, cache;
    write_images(folder.path(), "*9");
    write_text(folder.path() / "10.ppm", "P6 no image");
    fs::create_symlink("nowhere", folder.path() / "11.ppm");
    write_text(folder.path() / "labels.csv", table("id,label", "#.ppm,", 11));
    DatasetOptions options = folder_options(folder.path(), cache.path());
    const Dataset dataset = load_dataset(options);
    CHECK(dataset.train.count + dataset.validation.count == 9);
    CHECK(std::ranges::count(dataset.skipped, SkippedKind::damaged, &SkippedFile::kind) == 2);
    options.strict = true;
    CHECK(error_of([&] { load_dataset(options); }).find("11.ppm") != std::string::npos);
}

TEST_CASE("tables: a class that was changed is there at once, and no image is decoded again") {
    const TemporaryFolder folder, cache;
    write_images(folder.path(), "*4");
    write_text(folder.path() / "labels.csv", "id,label\n1,ant\n2,bee\n3,ant\n4,bee\n");
    DatasetOptions options = folder_options(folder.path(), cache.path());
    options.default_validation = 0.0;
    int64_t decoded = 0;
    options.progress = [&](int64_t done, int64_t) { decoded = std::max(decoded, done); };
    CHECK(load_dataset(options).train.labels == std::vector<int32_t>{0, 1, 0, 1});
    CHECK(decoded == 4);
    decoded = 0;
    write_text(folder.path() / "labels.csv", "id,label\n3,ant\n1,bee\n2,bee\n4,bee\n");
    CHECK(load_dataset(options).train.labels == std::vector<int32_t>{1, 1, 0, 1});
    CHECK(decoded == 0);
}

TEST_CASE("tables: names say which part they are of") {
    const auto role = [](const char* name) { return table_role(name); };
    CHECK(role("train.csv") == TableRole::train);
    CHECK(role("trainLabels.csv") == TableRole::train);
    CHECK(role("train_labels.tsv") == TableRole::train);
    CHECK(role("Training_set.csv") == TableRole::train);
    CHECK(role("train.txt") == TableRole::train);
    CHECK(role("valid.csv") == TableRole::validation);
    CHECK(role("val_annotations.txt") == TableRole::validation);
    CHECK(role("Test.csv") == TableRole::test);
    CHECK(role("labels.csv") == TableRole::whole);
    CHECK(role("metadata.csv") == TableRole::whole);
    CHECK(role("sample_submission.csv") == TableRole::submission);
    CHECK(role("sampleSubmission.csv") == TableRole::submission);
    CHECK(role("submission.csv") == std::nullopt);  // an answer, such as `predict --csv` writes
    CHECK(role("my_submission_2.csv") == std::nullopt);
    CHECK(role("birds.csv") == TableRole::unknown);
    CHECK(role("readme.txt") == std::nullopt);
    CHECK(role("train.jpg") == std::nullopt);
}

TEST_CASE("tables: rows know their lines, also after blank ones and line ends in quotes") {
    const TemporaryFolder folder;
    write_text(folder.path() / "t.csv", "a,b\n\n\"x\n\ny\",1\n\nz,\"2\n\"\nw,3");
    Table read = read_rows(folder.path() / "t.csv");
    name_columns(read);
    REQUIRE(read.rows.size() == 3);
    CHECK(read.rows[0].line == 3);
    CHECK(read.rows[0].cells[0] == "x\n\ny");
    CHECK(read.rows[1].line == 7);
    CHECK(read.rows[1].cells[1] == "2\n");
    CHECK(read.rows[2].line == 9);
}
