// The stand-ins of the libraries that cuDNN's own loads, which hold nothing.
