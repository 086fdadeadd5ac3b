"""What was trained and evaluated in; the plots, the report and the database of all tables out."""

from kedro.pipeline import Node, Pipeline

from fvc_kedro.pipelines.reporting.database import LINEAGE, TABLES, gather_tables
from fvc_kedro.pipelines.reporting.plots import PLOTS
from fvc_kedro.pipelines.reporting.report import REPORT_TABLES, assemble_report


def create_pipeline() -> Pipeline:
    """Wire the reporting."""
    plots = [
        Node(func=plot.draw, inputs=plot.inputs, outputs=name, name=f"draw_{name}") for name, plot in PLOTS.items()
    ]
    report_inputs = {name: name for name in (*REPORT_TABLES, *PLOTS, "evaluation_summary", "svm_detector", LINEAGE)}
    report_inputs |= {name: f"params:{name}" for name in ("svm", "evaluation", "reporting")}
    return Pipeline(
        [
            *plots,
            Node(func=assemble_report, inputs=report_inputs, outputs="evaluation_report", name="write_report"),
            Node(
                func=gather_tables,
                inputs={name: name for name in (*TABLES, LINEAGE)},
                outputs="results_database",
                name="build_results_database",
            ),
        ],
        namespace="reporting",
        prefix_datasets_with_namespace=False,
    )
