"""The page of a training step from `inspect step --serve`: any element's terms at a click, by an index and by links."""

import json
import re
import subprocess
import time
import urllib.error
import urllib.request

from page_test import LOW_CONTRAST, PageTest, arguments
from step_page import OP, RUBBISH, WIDE

# Of the chosen element: whether its terms are there, its links, and what is said of it.
WHY = "document.querySelectorAll('.chosen .why').length"
LINKS = "[...document.querySelectorAll('.chosen .terms a')].map(each => each.title)"
CHOSEN = "document.querySelector('.chosen')?.innerText ?? ''"
CARD = "document.querySelector('.chosen').closest('.tensor')"


class ServedStepPage(PageTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        command = [arguments.inspect, "step", "--model", "basic_block_net", "--batch-size", "4", "--serve"]
        cls.server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        cls.address = re.search(r"http://\S+", cls.server.stdout.readline())[0]

    @classmethod
    def tearDownClass(cls):
        cls.server.terminate()
        ended = cls.server.wait(timeout=30)
        cls.server.stdout.close()
        super().tearDownClass()
        assert ended == 0, f"the server ended with {ended}"

    def open(self, at="", width=1200, dark=False, touch=False):
        self.browser.look(width, 900, dark=dark, touch=touch)
        self.browser.open("about:blank")
        self.browser.open(self.address + at)

    def wait_for(self, expression):
        deadline = time.monotonic() + 30
        while not self.browser.run(expression):
            self.assertLess(time.monotonic(), deadline, f"not seen: {expression}; {self.browser.run(CHOSEN)}")
            time.sleep(0.02)
        self.browser.settle()

    def explained(self):
        """Waits for the chosen element's terms, which must add up."""
        self.wait_for(WHY)
        self.assertEqual(self.browser.run("document.querySelectorAll('.chosen .warning').length"), 0, self.browser.run(CHOSEN))
        self.assertEqual(self.browser.run(RUBBISH), [])

    def follow(self, link):
        """Clicks on a link of the terms by its number."""
        title = self.browser.run(LINKS)[link]
        self.browser.run(f"document.querySelectorAll('.chosen .terms a')[{link}].click()")
        place = title[title.rindex("["):]
        self.wait_for(f"({CHOSEN}).startsWith({json.dumps(place)})")
        self.explained()
        return title

    def test_a_click_on_any_cell_shows_its_terms(self):
        self.open("#op=layer_1.3")
        card = "[...document.querySelectorAll('.op .tensor.%s')].find(each => each.querySelector('.tiles-canvas') && each.dataset.tensor !== '0')"
        for which in ("value", "gradient"):
            canvas = f"{card % which}.querySelector('.tiles-canvas')"
            self.browser.run(f"{canvas}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
            x, y = self.browser.run(f"(box => [box.left + 22, box.top + 13])({canvas}.getBoundingClientRect())")
            for kind in ("mousePressed", "mouseReleased"):
                self.browser.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
            self.wait_for(f"{card % which}.querySelectorAll('.chosen .why').length")
            self.explained()
            self.assertRegex(self.browser.run("location.hash"), r"^#op=layer_1.3&tensor=\d+&at=0,\d+,\d+,\d+")
            self.keep(f"served_click_{which}")

    def test_keys_and_an_index_choose_elements_too(self):
        self.open("#op=layer_1.3")
        self.browser.run("[...document.querySelectorAll('.op .tensor.gradient .tiles-canvas')][0].focus()")
        for key in ("ArrowRight", "ArrowDown", "Enter"):
            self.browser.press(key)
        self.explained()
        self.assertEqual(self.browser.run("document.querySelector('.chosen').parentElement.getAttribute('aria-live')"), "polite")
        form = f"{CARD}.querySelector('.element-form')"
        self.browser.run(f"{form}.querySelector('input').value = '1,2,3,400'")
        self.browser.run(f"{form}.requestSubmit()")
        self.assertIn("1,2,3,400 is no element: 4 numbers with commas between them", self.browser.run(f"{form}.innerText"))
        self.browser.run(f"{form}.querySelector('input').value = '1,2,3,4'")
        self.browser.run(f"{form}.requestSubmit()")
        self.wait_for(f"({CHOSEN}).startsWith('[1, 2, 3, 4]')")
        self.explained()

    def test_links_lead_back_from_the_loss_to_a_pixel(self):
        self.open()
        name, loss = self.browser.run("(op => [op.name, op.outputs[0]])(JSON.parse(document.getElementById('data').textContent).ops"
                                      ".find(each => each.op === 'softmax_cross_entropy'))")
        self.browser.run(f"location.hash = '#op={name}&tensor={loss}&at=0'")
        self.explained()
        walked = []
        while not (walked and walked[-1].startswith("images")):
            self.assertLess(len(walked), 40, walked)
            links = self.browser.run(LINKS)
            # Not into weights, scales or shifts: along the activations.
            along = [i for i, title in enumerate(links) if ("." not in title or not re.search(r"weight|bias|\(", title)) and not title.startswith("gradient")]
            self.assertTrue(along, (walked, links))
            walked.append(self.follow(along[0]))
        self.assertGreater(len(walked), 5)
        self.keep("served_pixel")
        # The browser's own way back.
        self.browser.run("history.back()")
        before = walked[-2][walked[-2].rindex("["):]
        self.wait_for(f"({CHOSEN}).startsWith({json.dumps(before)})")
        self.explained()

    def test_a_weight_shows_its_update_and_leads_to_its_gradient(self):
        self.open("#op=layer_1.3")
        weight = self.browser.run("[...document.querySelectorAll('.op .tensor.value')][1].dataset.tensor")
        self.browser.run(f"location.hash += '&tensor={weight}&at=1,2,1,4'")
        self.explained()
        text = self.browser.run(CHOSEN)
        self.assertIn("The update makes of it:", text)
        before = re.search(r"is (\S+)", text)[1]
        self.assertRegex(text, rf"value\[1,2,1,4\] {before[:6]}")
        self.assertTrue(self.follow(0).startswith("gradient of layer_1.3.weight"))

    def test_gradients_lead_on_to_the_loss(self):
        self.open("#op=layer_1.3")
        tensor = self.browser.run("[...document.querySelectorAll('.op .tensor.gradient')].at(0).dataset.tensor")
        self.browser.run(f"location.hash += '&tensor={tensor}&at=1,2,3,4&gradient'")
        self.explained()
        for _ in range(2):
            links = self.browser.run(LINKS)
            self.follow(next(i for i, title in enumerate(links) if title.startswith("gradient")))
        self.assertTrue(self.browser.run(f"{CARD}.classList.contains('gradient')"))
        self.assertNotEqual(self.browser.run(OP).strip(), "layer_1.3")

    def test_light_and_dark_wide_and_narrow(self):
        for dark in (False, True):
            for width in (360, 1200):
                with self.subTest(dark=dark, width=width):
                    self.open("#op=layer_1.3", width=width, dark=dark, touch=width < 600)
                    tensor = self.browser.run("[...document.querySelectorAll('.op .tensor.value')].at(-1).dataset.tensor")
                    self.browser.run(f"location.hash += '&tensor={tensor}&at=1,2,3,4'")
                    self.explained()
                    self.assertLessEqual(self.browser.run(WIDE), width)
                    self.assertEqual(self.browser.run(LOW_CONTRAST), [])
                    self.keep(f"served_{'dark' if dark else 'light'}_{width}")

    def test_others_are_refused(self):
        request = urllib.request.Request(self.address, headers={"Host": "vitrine.example"})
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        self.assertEqual(refused.exception.code, 403)
        refused.exception.close()
