"""Do scores, masks, and conclusions hold under other choices?"""
