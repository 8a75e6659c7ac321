// Tables for training, validation and test images, columns of parts, and lists of paths and classes.

#include <doctest/doctest.h>

#include "data/dataset.h"
#include "tests/data/support.h"
#include "tests/data/table_cases.h"

using namespace vitrine;
using namespace vitrine::test;

TEST_CASE("tables: one for each part") {
    const std::string train = table("id,label", "#,", 6);
    const std::vector<Case> cases = {
        {"train and val",
         "train/*6 val/*2",
         {{"train.csv", train}, {"val.csv", table("id,label", "#,", 2)}},
         "image_table ant bee: 6 + 2"},
        {"names in both folders",
         "train/*6 valid/*6",
         {{"train.csv", train}, {"valid.csv", table("id,label", "#,", 3)}},
         "image_table ant bee: 6 + 3",
         "3 images without a row in a table are left out: 'valid/4.ppm'"},
        {"one folder",
         "all/*9",
         {{"train.csv", train}, {"validation.csv", "id,label\n7,ant\n8,bee\n9,ant\n"}},
         "image_table ant bee: 6 + 3"},
        {"a test table with classes, and no other",
         "Train/*6 Test/*4",
         {{"Train.csv", table("Path,ClassId", "Train/#.ppm,", 6, {"0", "1"})},
          {"Test.csv", table("Path,ClassId", "Test/#.ppm,", 4, {"0", "1"})}},
         "image_table 0 1: 6 + 4",
         "the test part is the validation set: there is no other"},
        {"a test table with classes beside one of validation",
         "all/*9",
         {{"train.csv", train}, {"val.csv", "id,label\n7,ant\n8,bee\n"}, {"test.csv", "id,label\n9,bee\n"}},
         "image_table ant bee: 6 + 2",
         "1 image of the test part is left alone"},
        {"a test table without classes",
         "train/*6 test/*4",
         {{"train.csv", train}, {"test.csv", "id\n1\n2\n3\n4\n"}},
         "image_table ant bee: 4 + 2",
         "the table 'ROOT/test.csv' has no classes and is left alone"},
        {"a test table with empty classes",
         "train/*6 test/*2",
         {{"train.csv", train}, {"test.csv", "id,label\n1,\n2,\n"}},
         "image_table ant bee: 4 + 2",
         "has no classes and is left alone"},
        {"a submission to be filled in",
         "train/*6 test/*2",
         {{"train.csv", train}, {"sample_submission.csv", "id,label\n1,ant\n2,ant\n"}},
         "image_table ant bee: 4 + 2"},
        {"a class that validation has not",
         "all/*9",
         {{"train.csv", train}, {"val.csv", "id,label\n7,ant\n8,ant\n"}},
         "image_table ant bee: 6 + 2"},
        {"other columns in the other table",
         "all/*9",
         {{"train.csv", train}, {"val.csv", "file,class\n7,ant\n8,bee\n"}},
         "image_table ant bee: 6 + 2"},
        {"folders beside an unlabelled test folder",
         "train/*6 test/*9",
         {{"trainLabels.csv", train}},
         "image_table ant bee: 4 + 2"},
    };
    for (const Case& each : cases) check(each);
}

TEST_CASE("tables: parts that do not fit") {
    const std::string train = table("id,label", "#,", 6);
    DatasetOptions share;
    share.validation = 0.5;
    const std::vector<Case> cases = {
        {"a class that training has not",
         "all/*9",
         {{"train.csv", train}, {"val.csv", "id,label\n7,ant\n8,cat\n9,dog\n"}},
         "2 validation images of 'ROOT/val.csv' have a class that no training image has: 'cat' (line 3), "
         "'dog' "
         "(line 4)"},
        {"an image in two parts",
         "all/*9",
         {{"train.csv", train}, {"val.csv", "id,label\n6,ant\n8,bee\n"}},
         "1 image is in two parts of the data set, the first training by line 7 of 'train.csv' and "
         "validation "
         "by line 2 of 'val.csv': 'all/6.ppm' (line 2)"},
        {"two tables of validation images",
         "all/*9",
         {{"train.csv", train}, {"val.csv", "id,label\n7,ant\n"}, {"valid.csv", "id,label\n8,bee\n"}},
         "both 'ROOT/val.csv' and 'ROOT/valid.csv' are called like the table of the validation images"},
        {"validation images without classes",
         "all/*9",
         {{"train.csv", train}, {"val.csv", "id\n7\n8\n"}},
         "the columns of the table 'ROOT/val.csv' are 'id': none of them holds classes"},
        {"a share to hold out beside validation images",
         "all/*9",
         {{"train.csv", train}, {"val.csv", "id,label\n7,ant\n8,bee\n"}},
         "validation",
         "",
         "",
         share},
        {"no table of training images",
         "all/*9",
         {{"val.csv", table("id,label", "#,", 4)}},
         "'ROOT' has one class folder"},
        {"no training rows",
         "all/*9",
         {{"labels.csv", "id,label,split\n1,ant,val\n2,bee,test\n"}},
         "no row of the table 'ROOT/labels.csv' is of a training image that can be read"},
        {"a part that is none",
         "all/*9",
         {{"labels.csv", "id,label,split\n1,ant,train\n2,bee,trian\n3,bee,train\n4,ant,\n"}},
         "2 rows of the table 'ROOT/labels.csv' have in the column 'split' what is no part such as train, "
         "val "
         "or test: 'trian' (line 3), '' (line 5)"},
    };
    for (const Case& each : cases) check(each);
}

TEST_CASE("tables: a column of parts") {
    const std::vector<Case> cases = {
        {"split",
         "all/*6",
         {{"labels.csv",
           "id,label,split\n1,ant,train\n2,bee,train\n3,ant,Valid\n4,bee,validation\n5,ant,test\n6,bee,"
           "TEST\n"}},
         "image_table ant bee: 2 + 2",
         "2 images of the test part are left alone"},
        {"data set of train and test",
         "all/*3",
         {{"birds.csv",
           "class id,filepaths,labels,data set\n0,all/1.ppm,ant,train\n1,all/2.ppm,bee,train\n0,"
           "all/3.ppm,ant,test\n"}},
         "image_table ant bee: 2 + 1",
         "the test part is the validation set"},
        {"is_valid",
         "all/*4",
         {{"labels.csv",
           "name,label,is_valid\n1.ppm,ant,False\n2.ppm,bee,False\n3.ppm,ant,True\n4.ppm,bee,"
           "False\n"}},
         "image_table ant bee: 3 + 1"},
        {"is_valid in numbers",
         "all/*3",
         {{"labels.csv", "name,label,is_valid\n1,ant,0\n2,bee,0\n3,bee,1\n"}},
         "image_table ant bee: 2 + 1"},
        {"parts whose folders have the same names in them",
         "train/*2 val/*2",
         {{"labels.csv", "id,label,split\n1,ant,train\n2,bee,train\n1,bee,val\n2,ant,val\n"}},
         "image_table ant bee: 2 + 2"},
        {"a set that is no part",
         "all/*10",
         {{"labels.csv", table("id,set,label", "#,B,", 10)}},
         "image_table ant bee: 8 + 2"},
        {"class folders with official parts",
         "ant/*5 bee/*5",
         {{"labels.csv", table("path,label,split", "ant/#.ppm,", 4, {"ant,train"}) +
                             "ant/5.ppm,ant,val\nbee/1.ppm,bee,train\nbee/2.ppm,bee,val\n"}},
         "image_table ant bee: 5 + 2"},
    };
    for (const Case& each : cases) check(each);
}

TEST_CASE("lists: a path and its class on a line") {
    const std::vector<Case> cases = {
        {"tabs", "img/*10", {{"train.txt", table("", "img/#.ppm\t", 10)}}, "image_table ant bee: 8 + 2"},
        {"tabs, and blanks in both",
         "a+b/*10",
         {{"train.txt", table("", "a b/#.ppm\t", 10, {"red ant", "honey bee"})}},
         "image_table honey bee red ant: 8 + 2"},
        {"a blank and a number, as Caffe has it",
         "img/*6 v/*2",
         {{"train.txt", table("", "img/#.ppm ", 6, {"0", "1", "2"})},
          {"val.txt", table("", "v/#.ppm ", 2, {"0", "10"})}},
         "1 validation image of 'ROOT/val.txt' has a class that no training image has: '10' (line 1)"},
        {"for training and validation",
         "img/*6 v/*2",
         {{"train.txt", table("", "img/#.ppm ", 6, {"0", "1", "10"})},
          {"val.txt", table("", "v/#.ppm ", 2, {"0", "10"})}},
         "image_table 0 1 10: 6 + 2"},
        {"blanks in a path",
         "my+images/*10",
         {{"train.txt", table("", "my images/#.ppm ", 10)}},
         "image_table ant bee: 8 + 2"},
        {"quotes, which say nothing in a list",
         "*10",
         {{"list.txt", table("", "#.ppm\t", 10, {"5\" disk", "x"})}},
         "image_table 5\" disk x: 8 + 2"},
        {"more fields",
         "*10",
         {{"labels.txt", table("", "#.ppm\t", 10, {"ant\t0\t0\t9\t9", "bee\t1\t1\t7\t7"})}},
         "image_table ant bee: 8 + 2"},
        {"whatever its name is, named",
         "*10",
         {{"my.lst", table("", "#.ppm\t", 10)}},
         "image_table ant bee: 8 + 2",
         "",
         "my.lst"},
        {"a header",
         "*10",
         {{"labels.txt", table("path\tclass", "#.ppm\t", 10)}},
         "image_table ant bee: 8 + 2",
         "the column 'class' of 'labels.txt', by the images of its column 'path'"},
        {"paths alone",
         "*10",
         {{"my.txt", table("", "#.ppm", 10, {""})}},
         "none of them holds classes",
         "",
         "my.txt"},
        {"a line without a class",
         "*3",
         {{"my.txt", "1.ppm ant\n2.ppm\n3.ppm bee\n"}},
         "line 2 of the table 'ROOT/my.txt' has 1 field, but there are 2 columns",
         "",
         "my.txt"},
        {"a file that is not there",
         "*2",
         {{"my.txt", "1.ppm\tant\n2.ppm\tbee\n9.ppm\tbee\n"}},
         "1 row of the table 'ROOT/my.txt' names images that are not in 'ROOT': '9.ppm' (line 3)",
         "",
         "my.txt"},
    };
    for (const Case& each : cases) check(each);
}
