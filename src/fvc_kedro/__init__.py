"""Tell real videos from deepfake and tampered ones, on a CPU, with handcrafted forensic features and an SVM."""

__version__ = "0.1.0"
