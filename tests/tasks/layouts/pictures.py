"""Pictures in folders of classes, or beside metadata, and pictures that lose something."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image
from tests.tasks.layouts.catalogue import (
    CLASSES,
    DESCRIBED,
    PICTURES,
    TWO_CLASSES,
    Read,
    Refused,
    in_classes,
    layout,
    lines,
    of_classes,
    paint,
    picture,
    save,
    save_parquet,
)


@layout(options=PICTURES)
def pictures_in_class_folders_of_splits(folder: Path) -> None:
    paint(folder, *in_classes("train/", "test/"))


@layout(options=PICTURES)
def pictures_in_class_folders(folder: Path) -> None:
    paint(folder, *in_classes(""))


@layout(options=PICTURES)
def pictures_in_class_folders_below_data(folder: Path) -> None:
    paint(folder, *in_classes("data/train/", "data/test/"))


@layout(options=PICTURES)
def pictures_in_folders_with_words_of_splits(folder: Path) -> None:
    paint(folder, *in_classes("training_set/", "2024-dev/", "test.v2/"))


@layout(
    difference="`datasets` drops the labels of folders whose depth differs; ours counts from the folder of the split",
    options=PICTURES,
    datasets=Read(
        {
            "train": {"image": in_classes("train/", "pictures/my_train/")},
            "test": {"image": in_classes("evaluation 2/")},
        }
    ),
    ours=Read(
        {
            "train": of_classes(*in_classes("pictures/my_train/", "train/")),
            "test": of_classes(*in_classes("evaluation 2/")),
        },
        ("ant", "bee"),
    ),
)
def pictures_in_class_folders_and_a_train_folder_elsewhere(folder: Path) -> None:
    paint(folder, *in_classes("pictures/my_train/", "train/", "evaluation 2/"))


@layout(options=PICTURES)
def pictures_in_folders_without_words_of_splits(folder: Path) -> None:
    paint(folder, *in_classes("trainset/", "latest/"))


@layout(options=PICTURES)
def pictures_in_folders_with_words_and_digits(folder: Path) -> None:
    paint(folder, *in_classes("train1/", "eval/", "dev/", "assets/"))


@layout(
    difference="`datasets` drops the labels of folders whose depth differs; ours counts from the folder of the split",
    options=PICTURES,
    datasets=Read(
        {
            "train": {"image": in_classes("2024-train-a/")},
            "validation": {"image": in_classes("my val/")},
            "test": {"image": in_classes("x/test.v2/")},
        }
    ),
    ours=Read(
        {
            "train": of_classes(*in_classes("2024-train-a/")),
            "validation": of_classes(*in_classes("my val/")),
            "test": of_classes(*in_classes("x/test.v2/")),
        },
        ("ant", "bee"),
    ),
)
def pictures_in_folders_of_splits_of_which_one_lies_deeper(folder: Path) -> None:
    paint(folder, *in_classes("2024-train-a/", "x/test.v2/", "my val/"))


@layout(options=PICTURES)
def pictures_jpg(folder: Path) -> None:
    paint(folder, *in_classes("train/", "test/", ending="jpg"))


@layout(options=PICTURES)
def pictures_jpeg_and_png(folder: Path) -> None:
    paint(folder, *in_classes("train/", ending="jpeg"), *in_classes("test/"))


@layout(options=PICTURES)
def pictures_jfif(folder: Path) -> None:
    paint(folder, *in_classes("train/", "test/", ending="jfif"), format="JPEG")


@layout(options=PICTURES)
def pictures_webp(folder: Path) -> None:
    paint(folder, *in_classes("train/", "test/", ending="webp"))


@layout(options=PICTURES)
def pictures_bmp(folder: Path) -> None:
    paint(folder, *in_classes("train/", "test/", ending="bmp"))


@layout(options=PICTURES)
def pictures_tif(folder: Path) -> None:
    paint(folder, *in_classes("train/", "test/", ending="tif"))


@layout(options=PICTURES)
def pictures_gif(folder: Path) -> None:
    paint(folder, *in_classes("train/", "test/", ending="gif"))


@layout(options=PICTURES)
def pictures_with_endings_in_upper_case(folder: Path) -> None:
    paint(folder, *in_classes("train/", ending="PNG"), *in_classes("test/", ending="JPG"))


@layout(path="linked", options=PICTURES)
def pictures_in_a_folder_that_is_a_link(folder: Path) -> None:
    paint(folder.parent, *in_classes("elsewhere/train/", "elsewhere/test/"))
    (folder / "linked").symlink_to(folder.parent / "elsewhere")


@layout(options=PICTURES)
def pictures_in_colour(folder: Path) -> None:
    for number, name in enumerate(in_classes("train/", "test/")):
        pixels = (np.arange(48).reshape(4, 4, 3) * 3 + number).astype(np.uint8)
        picture(folder, name, Image.fromarray(pixels))


@layout(options=DESCRIBED)
def pictures_with_metadata_csv(folder: Path) -> None:
    for split in ("train", "test"):
        paint(folder, *(f"{split}/{number}.png" for number in range(3)))
        save(folder, {f"{split}/metadata.csv": "file_name,y\n2.png,q\n0.png,p\n1.png,q\n"})


@layout(options=DESCRIBED)
def pictures_with_metadata_jsonl(folder: Path) -> None:
    for split in ("train", "test"):
        paint(folder, *(f"{split}/{number}.png" for number in range(3)))
        rows = [{"file_name": f"{n}.png", "y": "pq"[n % 2]} for n in (2, 0, 1)]
        save(folder, {f"{split}/metadata.jsonl": lines(rows)})


@layout(options=DESCRIBED)
def pictures_with_metadata_parquet(folder: Path) -> None:
    for split in ("train", "test"):
        paint(folder, *(f"{split}/{number}.png" for number in range(3)))
        save_parquet(
            folder, {f"{split}/metadata.parquet": {"file_name": ["2.png", "0.png", "1.png"], "y": ["q", "p", "q"]}}
        )


@layout(
    difference="`datasets` does not read metadata above the folders of the splits",
    options=DESCRIBED,
    datasets=Read(
        {
            "train": {"image": ["train/0.png", "train/1.png"], "label": [None, None]},
            "test": {"image": ["test/0.png", "test/1.png"], "label": ["test", "test"]},
        },
        ("test", "train"),
    ),
    ours=Read(
        {
            "train": {"image": ["train/0.png", "train/1.png"], "y": ["p", "q"]},
            "test": {"image": ["test/0.png", "test/1.png"], "y": ["p", "q"]},
        },
        CLASSES,
    ),
)
def pictures_with_one_metadata_file_above_the_splits(folder: Path) -> None:
    names = [f"{split}/{number}.png" for split in ("train", "test") for number in range(2)]
    paint(folder, *names)
    save(folder, {"metadata.csv": "file_name,y\n" + "".join(f"{name},{'pq'[n % 2]}\n" for n, name in enumerate(names))})


@layout(options=DESCRIBED)
def pictures_in_a_folder_beside_metadata(folder: Path) -> None:
    paint(folder, *(f"images/{number}.png" for number in range(4)))
    save(folder, {"metadata.csv": "file_name,y\n" + "".join(f"images/{n}.png,{'pq'[n % 2]}\n" for n in range(4))})


@layout(options={"inputs": "image"})
def pictures_within_parquet(folder: Path) -> None:
    def encoded(shade: int) -> bytes:
        stream = io.BytesIO()
        Image.fromarray((np.arange(16).reshape(4, 4) + shade).astype(np.uint8)).save(stream, format="PNG")
        return stream.getvalue()

    for split, first in (("train", 10), ("test", 90)):
        pictures = [{"bytes": encoded(first + n), "path": f"{n}.png"} for n in range(3)]
        save_parquet(folder, {f"{split}.parquet": {"image": pictures, "y": ["p", "q", "p"]}})


@layout(
    difference="`datasets` does not look into a linked folder: a class less",
    options=PICTURES,
    datasets=TWO_CLASSES,
    ours=Refused(
        "the folder train/cat/ is a link, which is not followed, so its files such as 0.png would be left out"
    ),
)
def linked_class_folder(folder: Path) -> None:
    paint(folder, *in_classes("train/", "test/"))
    paint(folder.parent, "elsewhere/0.png")
    (folder / "train/cat").symlink_to(folder.parent / "elsewhere")


@layout(
    difference="`datasets` does not look into a linked folder: no train split",
    options=PICTURES,
    datasets=Read({"test": TWO_CLASSES.splits["test"]}, ("ant", "bee")),
    ours=Refused("the folder train/ is a link, which is not followed, so its files such as 0.png would be left out"),
)
def linked_train_folder(folder: Path) -> None:
    paint(folder, *in_classes("test/"))
    paint(folder.parent, *in_classes("elsewhere/"))
    (folder / "train").symlink_to(folder.parent / "elsewhere")


@layout(options=PICTURES)
def pictures_turned_by_their_exif(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    for number, name in enumerate(in_classes("train/", "test/")):
        pixels = (np.arange(24).reshape(4, 6) + number).astype(np.uint8)
        picture(folder, name, Image.fromarray(pixels), exif=exif)


@layout(
    difference="ours refuses pictures that would be black",
    options=PICTURES,
    datasets=TWO_CLASSES,
    ours=Refused("train/ant/0.png: all of what it shows is in the alpha channel, which models do not receive"),
)
def ink_in_the_alpha_channel(folder: Path) -> None:
    for number, name in enumerate(in_classes("train/", "test/")):
        pixels = np.zeros((4, 4, 4), dtype=np.uint8)
        pixels[number % 4, :, 3] = 255
        picture(folder, name, Image.fromarray(pixels, "RGBA"))


@layout(
    difference="ours refuses pictures that would be black",
    options=PICTURES,
    datasets=TWO_CLASSES,
    ours=Refused("the pictures have 16 bits, and no value is above 255"),
)
def grey_of_16_bits_below_256(folder: Path) -> None:
    for number, name in enumerate(in_classes("train/", "test/")):
        picture(folder, name, Image.fromarray(np.full((4, 4), 90 + number, dtype=np.uint16)))


@layout(
    difference="ours refuses pictures that are all the same",
    options=PICTURES,
    datasets=TWO_CLASSES,
    ours=Refused("every picture is one colour, the same in all (value 0): look at the files"),
)
def pictures_of_one_colour(folder: Path) -> None:
    for name in in_classes("train/", "test/"):
        picture(folder, name, Image.fromarray(np.zeros((4, 4), dtype=np.uint8)))


@layout(
    difference="`datasets` reads the pictures of the folder, and not the list",
    path="list.csv",
    options={"inputs": "file", "modality": "image"},
    datasets=Read({"train": {"image": [f"images/{number}.png" for number in range(6)]}}),
    ours=Read({"train": {"file": [f"images/{n}.png" for n in range(6)], "y": ["p", "q"] * 3}}, CLASSES),
)
def a_column_of_paths(folder: Path) -> None:
    paint(folder, *(f"images/{number}.png" for number in range(6)))
    save(folder, {"list.csv": "file,y\n" + "".join(f"images/{n}.png,{'pq'[n % 2]}\n" for n in range(6))})


@layout(options=DESCRIBED, notes={"pictures that no metadata file names": "1: train/4.png"})
def pictures_that_metadata_do_not_name(folder: Path) -> None:
    paint(folder, *(f"train/{number}.png" for number in range(5)))
    save(folder, {"train/metadata.csv": "file_name,y\n" + "".join(f"{n}.png,{'pq'[n % 2]}\n" for n in range(4))})


@layout(
    difference="`datasets` reads a row whose picture it cannot open",
    options=DESCRIBED,
    datasets=Read({"train": {"image": [f"train/{n}.png" for n in range(5)], "y": ["p", "q", "p", "q", "p"]}}),
    ours=Refused("the image of row 4: there is no file train/4.png"),
)
def metadata_that_name_a_picture_that_is_not_there(folder: Path) -> None:
    paint(folder, *(f"train/{number}.png" for number in range(4)))
    save(folder, {"train/metadata.csv": "file_name,y\n" + "".join(f"{n}.png,{'pq'[n % 2]}\n" for n in range(5))})


@layout(
    difference="`datasets` reads numbers and missing values for names of classes",
    options=DESCRIBED,
    datasets=Read({"train": {"image": [f"train/{n}.png" for n in range(4)], "y": [7.0, None, 7.0, None]}}),
    ours=Read(
        {"train": {"image": [f"train/{n}.png" for n in range(4)], "y": ["007", "NA", "007", "NA"]}}, ("007", "NA")
    ),
)
def class_names_in_metadata_that_look_like_numbers(folder: Path) -> None:
    paint(folder, *(f"train/{number}.png" for number in range(4)))
    save(folder, {"train/metadata.csv": "file_name,y\n0.png,007\n1.png,NA\n2.png,007\n3.png,NA\n"})


@layout(
    difference="`datasets` takes the folders of the splits for classes",
    options=PICTURES,
    datasets=Read(
        {
            "train": {"image": ["train/1.png", "train/2.png"], "label": [None, None]},
            "test": {"image": ["test/3.png"], "label": ["test"]},
        },
        ("test", "train"),
    ),
    ours=Refused("holds pictures and no folders of several classes, so their classes are unknown"),
)
def pictures_without_folders_of_classes(folder: Path) -> None:
    paint(folder, "train/1.png", "train/2.png", "test/3.png")


@layout(
    difference="models take pictures of one size",
    options=PICTURES,
    datasets=Read(
        {
            "train": of_classes(
                *in_classes("train/", names=["ant"]), "train/ant/9.png", *in_classes("train/", names=["bee"])
            ),
            "test": TWO_CLASSES.splits["test"],
        },
        ("ant", "bee"),
    ),
    ours=Refused("images of 2 sizes, from 4×4 to 6×5: state the size that all are resized to, such as size = 64"),
)
def pictures_of_two_sizes(folder: Path) -> None:
    paint(folder, *in_classes("train/", "test/"))
    picture(folder, "train/ant/9.png", Image.fromarray(np.arange(30, dtype=np.uint8).reshape(5, 6)))


@layout(
    difference="`datasets` fails only when the picture is looked at",
    options=PICTURES,
    datasets=Read(
        {
            "train": of_classes(
                *in_classes("train/", names=["ant"]), "train/ant/9.png", *in_classes("train/", names=["bee"])
            ),
            "test": TWO_CLASSES.splits["test"],
        },
        ("ant", "bee"),
    ),
    ours=Refused("train/ant/9.png does not decode as an image (it is a web page"),
)
def pictures_of_which_one_is_damaged(folder: Path) -> None:
    paint(folder, *in_classes("train/", "test/"))
    save(folder, {"train/ant/9.png": "<html>404</html>"})


@layout(
    difference="`datasets` reads a class less",
    options=PICTURES,
    datasets=TWO_CLASSES,
    ours=Refused("the folder train/cat/ is empty, so a class would be missing: add its pictures, or remove the folder"),
)
def pictures_with_a_class_that_is_empty(folder: Path) -> None:
    paint(folder, *in_classes("train/", "test/"))
    (folder / "train/cat").mkdir()


@layout(options=PICTURES)
def pictures_with_a_class_that_only_test_has(folder: Path) -> None:
    paint(folder, *in_classes("train/", "test/"), "test/cat/1.png")


@layout(
    difference="`datasets` reads the pictures of test into train too, and those of train twice",
    options=PICTURES,
    datasets=Read(
        {
            "train": of_classes(
                *(name for part in ("train", "test", "train") for name in in_classes(f"my_training_data/{part}/"))
            ),
            "test": of_classes(*in_classes("my_training_data/test/")),
        },
        ("ant", "bee"),
    ),
    ours=Refused("my_training_data/test/ant/0.png would be read as part of `train` and of `test`"),
)
def pictures_with_words_of_two_splits_in_a_path(folder: Path) -> None:
    paint(folder, *in_classes("my_training_data/train/", "my_training_data/test/"))
